"""A pair as it lives: pages, the clock and the mails, and nothing else of ours to look through."""

from __future__ import annotations

import pytest

from service.web import create_app
from tests import cast
from tests.rows.life import Life
from tests.web.walk import NOW, link


@pytest.fixture
def life(services):
    """Ana and Ben, just paired, each with the link to their own page."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        ids = {"ana": pair.mentee_id, "ben": pair.mentor_id}
        pair_id = pair.id
    tokens = {name: link(services, "person", person_id) for name, person_id in ids.items()}
    return Life(services, create_app(services).test_client(), pair_id, ids, tokens)
