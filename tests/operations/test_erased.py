"""What an erased person wrote is nowhere any more, what the other wrote stays, and a mail that is on its way ends."""

from __future__ import annotations

from datetime import timedelta
from email import policy
from email.parser import BytesParser

import pytest
from sqlalchemy import select

from service.domain.retries import Failure
from service.operations import erasing, notes, people
from service.operations.journal import journal_of
from service.store import outbox
from service.store.tables import (
    ApiToken,
    Commitment,
    Goal,
    Link,
    Meeting,
    Note,
    OutboxRow,
    Pair,
    Question,
    Suggestion,
    WhatMatters,
)
from tests.lived import ANAS, BENS, MONDAY, everything, lived_in
from workers.deliver import drain

LATER = MONDAY + timedelta(days=1)
REMOVED = "removed by their author"
ANSWERS_BEN = {"ANAS-ANSWER", "ANAS-VERSION"}


@pytest.fixture
def pair_id(services):
    return lived_in(services)


def erased(services, pair_id, role):
    with services.database.write() as session:
        erasing.erase(session, LATER, getattr(session.get(Pair, pair_id), role))


@pytest.mark.parametrize(("role", "own", "others"), [("mentee", ANAS, BENS), ("mentor", BENS, ANAS)])
@pytest.mark.databases
def test_erasing_leaves_none_of_their_words_and_all_of_the_others(services, pair_id, role, own, others):
    before = everything(services)
    assert [word for word in (*ANAS, *BENS, "Ana Lima", "ana@example.org") if word not in before] == []
    for _ in range(2):
        erased(services, pair_id, role)
    after = everything(services)
    assert [word for word in own if word in after] == []
    assert [word for word in ("Ana Lima", "ana@example.org") if (word in after) == (role == "mentee")] == []
    assert [word for word in others if word not in after] == []


def test_where_the_other_read_it_they_read_that_it_was_removed(services, pair_id):
    with services.database.write() as session:
        for each in session.scalars(select(Note).where(Note.kind == "story")):
            notes.share(each, LATER, shared=True)
        session.scalars(select(Goal)).one().shared_at = LATER
    erased(services, pair_id, "mentee")
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        theirs = journal_of(session, pair.mentor).model_dump(mode="json")["pairs"][0]
        assert [each.text for each in session.scalars(select(Note))] == [REMOVED], "and the thought, unshared, is gone"
        assert [goal["text"] for goal in theirs["goals"]] == [REMOVED]
        assert (theirs["what_matters"], theirs["other"]) == (REMOVED, "Someone")
        assert {REMOVED, "BENS-PROMISE"} == {line["text"] for line in theirs["commitments"]}
        assert [point["text"] for point in theirs["meetings"][0]["agenda"] if point["text"]] == [REMOVED]
        assert (theirs["meetings"][0]["ask"], theirs["meetings"][0]["reflection"]) == (REMOVED, "BENS-THOUGHT")


def test_what_one_answered_stays_when_the_other_goes(services, pair_id):
    with services.database.write() as session:
        bens = session.scalars(select(Commitment).where(Commitment.by_id == session.get(Pair, pair_id).mentor_id)).one()
        bens.owner_id, bens.note = session.get(Pair, pair_id).mentee_id, "ANAS-NOTE-TO-IT"
    erased(services, pair_id, "mentor")
    with services.database.read() as session:
        question, suggestion = session.scalars(select(Question)).one(), session.scalars(select(Suggestion)).one()
        assert (question.text, question.answer) == (REMOVED, "ANAS-ANSWER")
        assert (suggestion.text, suggestion.adapted) == (REMOVED, "ANAS-VERSION")
        assert session.scalars(select(WhatMatters)).one().text == "ANAS-VALUES"
        lines = {line.text: line.note for line in session.scalars(select(Commitment))}
        assert lines == {"ANAS-PROMISE": None, REMOVED: "ANAS-NOTE-TO-IT"}


def test_no_place_of_the_two_is_left(services, pair_id):
    with services.database.write() as session:
        people.set_place(session.get(Pair, pair_id), "BENS-ROOM")
        session.scalars(select(Meeting)).first().place = "BENS-KITCHEN"
    erased(services, pair_id, "mentor")
    after = everything(services)
    assert [word for word in ("BENS-ROOM", "BENS-KITCHEN") if word in after] == []


def test_an_erased_person_gets_no_mail_and_cannot_come_back_in(services, pair_id):
    erased(services, pair_id, "mentee")
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        waiting = session.scalars(select(OutboxRow).where(OutboxRow.state == "pending")).all()
        assert {row.person_id for row in waiting} <= {pair.mentor_id}
        assert all(link.revoked_at for link in session.scalars(select(Link).where(Link.person_id == pair.mentee_id)))
        assert all(token.revoked_at for token in session.scalars(select(ApiToken)))
        assert {meeting.phase for meeting in session.scalars(select(Meeting))} == {"ended", "cancelled"}


def test_the_other_is_told_that_the_meeting_is_off_and_not_why(services, pair_id):
    services.clock.now = LATER
    drain(services)
    services.mailer.sent.clear()
    erased(services, pair_id, "mentee")
    drain(services)
    told = {mail.recipient: BytesParser(policy=policy.default).parsebytes(mail.octets) for mail in services.mailer.sent}
    assert list(told) == ["ben@example.org"]
    parts = [
        part.get_payload(decode=True).decode() for part in told["ben@example.org"].walk() if not part.is_multipart()
    ]
    assert any("METHOD:CANCEL" in part for part in parts)
    text = "\n".join([*parts, *map(str, told["ben@example.org"].values())])
    assert [word for word in (*ANAS, "Ana", "ana@") if word in text] == []


def _under_way(services, octets):
    """A mail to Ana that a worker has in its hands: between the mark and the server's answer."""
    with services.database.write() as session:
        token, (row_id,) = outbox.claim_batch(session, LATER, 1)
        assert outbox.start_sending(session, LATER, row_id, token, octets)
    return token, row_id


def _only_anas(services, pair_id):
    with services.database.write() as session:
        ana = session.get(Pair, pair_id).mentee_id
        for row in session.scalars(select(OutboxRow).where(OutboxRow.state == "pending")):
            row.state = "cancelled"
        outbox.add(session, LATER, "links", ana, dedup="under way")


@pytest.mark.parametrize("unknown", [None, False, True])
@pytest.mark.databases
def test_erasing_in_the_middle_of_a_send_ends_well(services, pair_id, unknown):
    services.clock.now = LATER
    _only_anas(services, pair_id)
    token, row_id = _under_way(services, b"ANAS-POINT")
    erased(services, pair_id, "mentee")
    assert "ANAS-POINT" not in everything(services)
    with services.database.write() as session:
        if unknown is None:
            assert outbox.settle_sent(session, LATER, row_id, token)
        else:
            outbox.settle_failed(session, LATER, row_id, token, Failure("timeout", unknown=unknown))
    services.clock.now = LATER + timedelta(days=1)
    drain(services)
    with services.database.read() as session:
        assert session.get(OutboxRow, row_id).state == {None: "sent", False: "cancelled", True: "uncertain"}[unknown]
    assert [mail for mail in services.mailer.sent if mail.recipient != "ben@example.org"] == []


def test_a_mail_that_was_written_and_has_not_left_is_written_anew(services, pair_id):
    with services.database.write() as session:
        row = session.scalars(
            select(OutboxRow).where(OutboxRow.state == "pending", OutboxRow.meeting_id.is_not(None))
        ).first()
        row.octets, row.attempts, row_id = b"ANAS-POINT", 1, row.id
    erased(services, pair_id, "mentee")
    with services.database.read() as session:
        assert session.get(OutboxRow, row_id).octets is None
