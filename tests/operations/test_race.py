"""Two people book the same minute: exactly one stands, whatever link, pair, length or move asked."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain.meeting import LIVE
from service.operations import booking
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store.tables import Claim, Meeting, OutboxRow
from tests import cast

pytestmark = pytest.mark.databases

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 14, 30, tzinfo=UTC)  # all three offer until 17:00 in Paris
THREADS = 25  # in each of two processes


def test_s01_fifty_threads_in_two_processes_book_once(services):
    with services.database.write() as session:
        ana_ben = cast.pair(session, NOW)
        eve_ben = cast.other_mentee(session, NOW, ana_ben.mentor_id)
        standing = booking.book(
            session, NOW, timedelta(hours=1), SlotQuery(ana_ben.id, "check-in"),
            BookingInput(start=START + timedelta(days=1), by_id=ana_ben.mentee_id),
        )  # fmt: skip
        plan = {"pairs": [ana_ben.id, eve_ben.id], "moving": standing.id}
    plan |= {
        "url": str(services.database.engine.url),
        "keys": list(services.settings.secret_keys),
        "now": NOW.isoformat(),
        "start": START.isoformat(),
        "threads": THREADS,
    }
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.operations.race", json.dumps(plan | {"first": first})],
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (0, THREADS)
    ]
    outcomes = Counter(line for racer in racers for line in racer.communicate(timeout=120)[0].split())
    assert [racer.returncode for racer in racers] == [0, 0]
    assert sum(outcomes.values()) == 2 * THREADS
    stands = set(outcomes) - {"taken"}
    assert len(stands) == 1, "one meeting has the time, whoever asked"
    winner_said = stands.pop()
    assert winner_said.startswith("moved") or outcomes[winner_said] == 1, "a booking stands once"
    with services.database.read() as session:
        near = select(Meeting).where(Meeting.phase.in_(LIVE), Meeting.starts_at < START + timedelta(hours=1))
        winner = session.scalars(near).one()
        claims = session.scalars(select(Claim).where(Claim.meeting_id == winner.id)).all()
        assert {claim.person_id for claim in claims} == {winner.pair.mentee_id, winner.pair.mentor_id}
        told = session.scalars(
            select(OutboxRow).where(OutboxRow.meeting_id == winner.id, OutboxRow.state == "pending")
        ).all()
        assert len(told) == 2
