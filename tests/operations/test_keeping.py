"""What is kept of people: handed out whole, taken away whole, sealed anew, and not sent a second time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.operations import keeping
from service.store.tables import AgendaItem, ApiToken, Link, Meeting, OutboxRow, Pair
from tests.lived import ANAS, BENS, MONDAY, everything, lived_in


@pytest.fixture
def pair_id(services):
    return lived_in(services)


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
