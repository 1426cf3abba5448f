"""Ana, Ben, Dan and Cleo, each with a token; a pair and a talk that Ana has not shared."""

from __future__ import annotations

import pytest

from service.store.tables import ApiToken
from service.store.types import fingerprint
from service.web import create_app
from tests import cast
from tests.web.api.client import NOW, Api


@pytest.fixture
def world(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        talk = cast.talk(session, NOW, pair)
        tokens = {"ana": pair.mentee_id, "ben": pair.mentor_id, "dan": cast.dan(session, NOW).id, "cleo": None}
        for name, person_id in tokens.items():
            session.add(ApiToken(token_hash=fingerprint(name * 9), person_id=person_id, created_at=NOW))
        ids = pair.id, talk.id
    client = create_app(services).test_client()
    return {name: Api(client, name * 9) for name in tokens} | {"pair": ids[0], "date": ids[1], "client": client}
