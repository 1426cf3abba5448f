"""What is kept of people, handed out whole."""

from __future__ import annotations

import json

import pytest

from service.operations import keeping
from service.store.tables import Pair
from tests.lived import lived_in


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
