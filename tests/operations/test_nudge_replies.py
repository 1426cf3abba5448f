"""An answer to the mail about a day that somebody chose is about what that mail asked, and about nothing else."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from service.operations import commitments, promise_nudges
from service.operations.commitments import Answer, Line, set_commitment
from service.store.tables import Commitment, Meeting
from tests.operations.test_plain_replies import START, arrives, here, live_until, meeting_id, reply, sent  # noqa: F401
from workers.deliver import drain

CHOSEN = date(2027, 2, 17)
EVE = datetime(2027, 2, 16, 10, tzinfo=UTC)


@pytest.fixture
def asked(here, meeting_id):  # noqa: F811 - a fixture's name
    """Ana chose a day for one thing, and another follows the next meeting; the mail about the first."""
    live_until(here, START + timedelta(hours=2))
    with here.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        ana = meeting.pair.mentee_id
        for text, day in (("Ask Kim", CHOSEN), ("Think about a title", None)):
            commitments.agree(session, here.clock.now, meeting, ana, Line(None, text, ana, day))
    here.clock.now = EVE
    with here.database.write() as session:
        promise_nudges.run_due(session, here.clock.now)
    drain(here)
    return sent(here, "action-nudge", "ana")


def states(services):
    with services.database.read() as session:
        return {line.text: line.state for line in session.scalars(select(Commitment))}


def answered(services, **change):
    with services.database.write() as session:
        line = session.scalars(select(Commitment).where(Commitment.pinned)).one()
        set_commitment(services.clock.now, line, Answer(**change))


def test_done_is_about_the_line_that_was_asked_about(here, asked):  # noqa: F811
    assert arrives(here, reply(asked, "Done, she said yes.", "ana@example.org")) == ("applied", "done")
    assert states(here) == {"Ask Kim": "done", "Think about a title": "open"}


def test_what_was_said_on_the_page_before_closes_nothing_else(here, asked):  # noqa: F811
    answered(here, state="done")
    assert arrives(here, reply(asked, "Done, she said yes.", "ana@example.org")) == ("applied", "done")
    assert states(here) == {"Ask Kim": "done", "Think about a title": "open"}


def test_once_it_has_another_day_the_answer_waits_for_its_author(here, asked):  # noqa: F811
    answered(here, state="moving", due_on=CHOSEN + timedelta(days=7))
    assert arrives(here, reply(asked, "Done, she said yes.", "ana@example.org")) == ("waiting", "unsure")
    assert states(here) == {"Ask Kim": "moving", "Think about a title": "open"}
