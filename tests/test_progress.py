"""How far a long command is: told on a terminal, and to nobody else."""

import io
import sys
from datetime import UTC, datetime

import pytest

from service.cli.frame import progress
from service.domain.errors import InvalidInput
from service.operations import importing

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
HEAD = "mentee_name,mentee_email,mentee_zone,mentor_name,mentor_email,mentor_zone\n"


def csv(count):
    return HEAD + "".join(f"A,a{n}@example.org,UTC,B,b{n % 7}@example.org,UTC\n" for n in range(count))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def stand_for_stderr(monkeypatch, stream):
    """Not in a fixture: pytest puts its own stderr back between one and the test."""
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_bar_on_a_terminal_ends_full(monkeypatch):
    terminal = stand_for_stderr(monkeypatch, Terminal())
    with progress("cli.pair.importing", after=0.0) as told:
        told(250, 1000)
    said = terminal.getvalue()
    assert "Adding pairs" in said
    assert "25%" in said
    assert "100%" in said


def test_nothing_is_said_of_what_is_short(monkeypatch):
    terminal = stand_for_stderr(monkeypatch, Terminal())
    with progress("cli.pair.importing") as told:
        told(250, 1000)
    assert terminal.getvalue() == ""


def test_nothing_is_said_to_a_file(monkeypatch):
    file = stand_for_stderr(monkeypatch, io.StringIO())
    with progress("cli.pair.importing", after=0.0) as told:
        told(250, 1000)
    assert file.getvalue() == ""


def test_an_import_tells_how_far_it_is(services):
    heard = []
    with services.database.write() as session:
        made = importing.import_pairs(session, NOW, csv(1200).encode(), lambda done, of: heard.append((done, of)))
    assert [pair.mentee.email for pair in made] == [f"a{n}@example.org" for n in range(1200)]
    assert {pair.mentor.email for pair in made} == {f"b{n}@example.org" for n in range(7)}
    assert heard == [(done, 2400) for done in (0, 500, 1000, 1200, 1700, 2200)]


def test_a_wrong_line_far_down_leaves_nothing(services):
    data = csv(1200).replace("a1100@example.org", "nobody")
    with services.database.write() as session, pytest.raises(InvalidInput) as wrong:
        importing.import_pairs(session, NOW, data.encode())
    assert [fault.field for fault in wrong.value.faults] == ["line 1102, mentee_email"]
    with services.database.read() as session:
        assert session.scalars(importing.select(importing.Pair)).all() == []
