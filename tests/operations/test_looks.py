"""Whoever opens something about a pair without being of it leaves a line that both see."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from service.cli import main
from service.domain.access import Role
from service.domain.errors import NotFound
from service.operations import looks
from service.store.tables import ApiToken, Pair
from service.store.types import fingerprint
from service.web import create_app
from tests import cast
from tests.conftest import KEYS
from tests.lived import stamp
from tests.web.walk import NOW, link, text_of


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        pair_id = cast.pair(session, NOW, place="Room 5").id
        session.add(ApiToken(token_hash=fingerprint("coordinator"), created_at=NOW))
        return pair_id


def lines(services, pair_id):
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        ana, ben = (looks.looks_of(session, pair, each.id) for each in (pair.mentee, pair.mentor))
    assert ana == ben
    return [(each.role, each.what) for each in ana]


def test_a_coordinators_call_leaves_a_line_that_both_read(services, pair_id):
    client = create_app(services).test_client()
    token = {"Authorization": "Bearer coordinator"}
    for _ in range(2):
        assert client.get(f"/api/v1/pairs/{pair_id}", headers=token).status_code == 200
    assert lines(services, pair_id) == [("coordinator", "pair")]
    services.clock.now += timedelta(hours=2)
    client.get(f"/api/v1/pairs/{pair_id}", headers=token)
    assert lines(services, pair_id) == [("coordinator", "pair")] * 2
    assert client.get(f"/api/v1/pairs/{pair_id}/looks", headers=token).status_code == 403
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        for person in (pair.mentee, pair.mentor, cast.dan(session, NOW)):
            session.add(ApiToken(token_hash=fingerprint(person.email), person_id=person.id, created_at=NOW))
        mine = pair.mentor_id
    asked = {
        name: client.get(f"/api/v1/pairs/{pair_id}/looks", headers={"Authorization": f"Bearer {name}@example.org"})
        for name in ("ana", "ben", "dan")
    }
    assert asked["dan"].status_code == 404
    for name in ("ana", "ben"):
        assert asked[name].json["items"][0] == {"role": "coordinator", "what": "pair", "at": "2027-02-01T11:00:00Z"}
    shown = text_of(client.get(f"/p/{link(services, 'person', mine)}"))
    assert "opened something about you two, 2 times" in shown
    assert "the coordinator opened your pair" in shown


def test_a_pairs_own_looks_leave_none_and_a_strangers_see_none(services, pair_id):
    client = create_app(services).test_client()
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        mine, dan_id = pair.mentee_id, cast.dan(session, NOW).id
        session.add(ApiToken(token_hash=fingerprint("ana"), person_id=mine, created_at=NOW))
    assert client.get(f"/api/v1/pairs/{pair_id}", headers={"Authorization": "Bearer ana"}).status_code == 200
    assert "opened something" not in text_of(client.get(f"/p/{link(services, 'person', mine)}"))
    assert lines(services, pair_id) == []
    with services.database.read() as session, pytest.raises(NotFound):
        looks.looks_of(session, session.get(Pair, pair_id), dan_id)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("pair show {}", "pair"),
        ("slots {} --session check-in", "times"),
        ("link {} --session check-in", "link"),
        ("export ana@example.org --json", "export"),
    ],
)
def test_a_command_about_a_pair_leaves_a_line(services, pair_id, command, what):
    stamp(services.database)
    said = {"GREENROOM_DATA_DIR": str(services.settings.data_dir), "GREENROOM_SECRET_KEYS": ",".join(KEYS)}
    done = CliRunner().invoke(main, command.format(pair_id).split(), env=said)
    assert done.exit_code == 0, done.output
    assert lines(services, pair_id) == [("operator", what)]
    if what == "export":
        assert json.loads(done.stdout)["pairs"][0]["looked"][0]["what"] == "export"


def test_every_look_has_a_sentence(services, pair_id):
    with services.database.write() as session:
        for role, whats in looks.WHAT.items():
            for what in whats:
                looks.note_look(session, NOW, pair_id, role, what)
        mine = session.get(Pair, pair_id).mentee_id
    shown = text_of(create_app(services).test_client().get(f"/p/{link(services, 'person', mine)}"))
    assert shown.count("whoever runs this service") == len(looks.WHAT[Role.OPERATOR]) + 1
    assert shown.count("the coordinator") == len(looks.WHAT[Role.COORDINATOR]) + 1
