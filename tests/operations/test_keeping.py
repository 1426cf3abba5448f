"""What is kept of people: handed out whole, taken away whole, sealed anew, and not sent a second time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.operations import booking, calendars, followup, keeping, people, refreshing
from service.operations.booking import AgendaDraft, BookingInput
from service.operations.calendars import NewConnection
from service.operations.offering import SlotQuery
from service.store import outbox
from service.store.tables import AgendaItem, ApiToken, Inbound, Link, Meeting, OutboxRow, Pair
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
MONDAY = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
AGE, POLL = timedelta(hours=1), timedelta(minutes=5)
ANAS = ("ANAS-LABEL", "ANAS-ASK", "ANAS-POINT", "ANAS-THOUGHT", "ANAS-REASON", "ANAS-PROMISE", "ANAS-CALENDAR")
BENS = ("BENS-THOUGHT", "BENS-PROMISE")


@pytest.fixture
def pair_id(services):
    """A pair with a meeting that is over, one that is ahead, and both people's words in every place there is."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        ana, ben = pair.mentee_id, pair.mentor_id
        cast.talk(session, NOW, pair, label="ANAS-LABEL")
        query = SlotQuery(pair.id, "check-in")
        said = BookingInput(start=MONDAY, by_id=ana, ask="ANAS-ASK", agenda=(AgendaDraft(text="ANAS-POINT"),))
        met = booking.book(session, NOW, AGE, query, said)
        booking.reschedule(session, NOW, AGE, met, MONDAY + timedelta(hours=1), ana, reason="ANAS-REASON")
        after = MONDAY + timedelta(hours=3)
        followup.run_due(session, after)
        for by_id, promise, thought in ((ana, "ANAS-PROMISE", "ANAS-THOUGHT"), (ben, "BENS-PROMISE", "BENS-THOUGHT")):
            followup.agree(session, after, met, by_id, promise, by_id)
            followup.submit_followup(session, after, met, by_id, happened=True, reflection=thought)
        booking.book(session, after, AGE, query, BookingInput(start=MONDAY + timedelta(days=7), by_id=ana))
        people.links_of(session, NOW, pair)
        session.add(ApiToken(token_hash="t", person_id=ana, created_at=NOW))
        session.add(Inbound(message_key="m", raw=b"ANAS-POINT", state="applied", meeting_id=met.id, received_at=NOW))
        wanted = NewConnection("ics", "ANAS-CALENDAR")
        asked = refreshing.request_for(session, NOW, pair.mentee)
        found = calendars.probe(services.calendars, wanted, asked, timedelta(seconds=4))
        calendars.add_connection(session, NOW, pair.mentee, wanted, found, POLL)
        for row in session.scalars(select(OutboxRow).where(OutboxRow.meeting_id == met.id)):
            row.state, row.octets, row.sent_at = "sent", b"ANAS-POINT, BENS-PROMISE", after
        return pair.id


def everything(services) -> str:
    """All that the database says to whoever has the keys."""
    texts = []
    with services.database.read() as session:
        for table in outbox.OutboxRow.metadata.sorted_tables:
            texts += [str(tuple(found)) for found in session.execute(select(table))]
    return "\n".join(texts)


def test_what_is_handed_out_is_ones_own_and_what_was_shared(services, pair_id):
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        ana, ben = (json.dumps(keeping.export(session, person)) for person in (pair.mentee, pair.mentor))
    assert [
        word for word in ("ANAS-LABEL", "ANAS-ASK", "ANAS-POINT", "ANAS-THOUGHT", "ANAS-PROMISE") if word not in ana
    ] == []
    assert "BENS-THOUGHT" not in ana
    assert "ANAS-LABEL" not in ben
    assert "ANAS-THOUGHT" not in ben
    assert "BENS-THOUGHT" in ben


def test_erasing_leaves_none_of_their_words_and_all_of_the_others(services, pair_id):
    before = everything(services)
    assert [word for word in (*ANAS, *BENS, "Ana Lima", "ana@example.org") if word not in before] == []
    for _ in range(2):
        with services.database.write() as session:
            pair = session.get(Pair, pair_id)
            keeping.erase(session, MONDAY + timedelta(days=1), pair.mentee)
    after = everything(services)
    assert [word for word in (*ANAS, "Ana Lima", "ana@example.org") if word in after] == []
    assert [word for word in BENS if word not in after] == []


def test_an_erased_person_gets_no_mail_and_cannot_come_back_in(services, pair_id):
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        ana, ben = pair.mentee_id, pair.mentor_id
        keeping.erase(session, MONDAY + timedelta(days=1), pair.mentee)
    with services.database.read() as session:
        waiting = session.scalars(select(OutboxRow).where(OutboxRow.state == "pending")).all()
        assert {row.person_id for row in waiting} <= {ben}
        assert all(link.revoked_at for link in session.scalars(select(Link).where(Link.person_id == ana)))
        assert all(token.revoked_at for token in session.scalars(select(ApiToken)))
        assert {meeting.phase for meeting in session.scalars(select(Meeting))} == {"ended", "cancelled"}
        assert all(item.key for item in session.scalars(select(AgendaItem).where(AgendaItem.by_id == ana)))


def test_after_a_restore_a_person_decides_about_what_was_on_its_way(services, pair_id):
    later = MONDAY + timedelta(days=20)
    with services.database.write() as session:
        waiting = session.scalars(select(OutboxRow).where(OutboxRow.state == "pending")).all()
        assert waiting
        assert keeping.hold_what_was_due(session, later) == len(waiting)
    with services.database.write() as session:
        assert followup.run_due(session, later) == 0, "what fell due while it was away is not sent late"
        assert "pending" not in outbox.counts(session)


def test_sealing_anew_changes_what_is_stored_and_not_what_it_says(services, pair_id):
    def stored():
        with services.database.engine.connect() as connection:
            return connection.connection.driver_connection.execute("SELECT ask FROM meetings ORDER BY id").fetchall()

    said, sealed = everything(services), stored()
    with services.database.write() as session:
        assert keeping.reseal(session) > 5
    assert everything(services) == said
    assert stored()[0] != sealed[0]
