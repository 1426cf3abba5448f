"""A client on the whole site, and Ana with her link."""

from __future__ import annotations

import pytest

from service.operations import personal_links
from service.web import create_app
from tests import cast
from tests.web.walk import NOW


@pytest.fixture
def client(services):
    return create_app(services).test_client()


@pytest.fixture
def ana(services):
    """Ana's scheduling link for the practice before her talk: (token, pair id, date id)."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="https://meet.example.org/ben")
        talk = cast.talk(session, NOW, pair)
        return personal_links.scheduling_link(session, NOW, pair, "practice", talk.id).token, pair.id, talk.id
