"""From our page to Microsoft's and back, with the real msal over https: every answer leads to a page with a way on."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service import wiring
from service.store.grants import StoredTokens
from service.store.tables import Connection, Grant
from service.web import create_app
from tests import cast
from tests.integrations.entra_fake import SECRET_ID
from tests.integrations.microsoft_fake import microsoft
from tests.stored import dump
from tests.web.walk import link, text_of

BACK = "/oauth/microsoft/callback"
WORK = "ben@work.example"


@pytest.fixture
def fake(tmp_path, settings):
    with microsoft(tmp_path) as made:
        made.entra.redirect_uris.add(f"{settings.base_url}{BACK}")
        made.calendar = made.graph.mailbox(WORK).add("Calendar", default=True)
        yield made


@pytest.fixture
def services(settings, database, fake):
    made = wiring.build(replace(settings, **fake.settings))
    yield made
    made.database.close()


@pytest.fixture
def client(services):
    return create_app(services).test_client()


@pytest.fixture
def ben(services):
    """Ben's link to the page where calendars are connected."""
    with services.database.write() as session:
        ben_id = cast.person(session, services.clock(), "ben").id
    return link(services, "connect", ben_id)


def walk(client, fake, token, decision="accept"):
    """To Microsoft's page, what is pressed there, and what we say then."""
    there = client.post(f"/connect/{token}/consent", data={"provider": "microsoft", "access": "busy"})
    if there.status_code != 303:
        return there
    brought = fake.consent(there.headers["Location"], WORK, decision)
    return client.get(BACK, query_string=brought)


def the_connection(services):
    with services.database.read() as session:
        return session.scalars(select(Connection)).one()


def tomorrow(services):
    return services.clock().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)


def test_the_whole_way(client, ben, fake, services, caplog):
    caplog.set_level(logging.DEBUG)
    start = tomorrow(services)
    fake.calendar.put(start, start + timedelta(hours=1))
    page = client.get(f"/connect/{ben}")
    assert "Connect Microsoft" in text_of(page)
    assert f"form-action 'self' https://{fake.host} https://login.live.com;" in page.headers["Content-Security-Policy"]
    done = walk(client, fake, ben)
    assert done.status_code == 303
    told = text_of(client.get(done.headers["Location"]))
    assert f"({WORK}): connected" in told
    assert "1 calendar, 1 counted" in told
    connection = the_connection(services)
    assert (connection.provider, connection.access, connection.state) == ("microsoft", "busy", "connected")
    [grant] = fake.entra.grants
    kept = StoredTokens(services.database, connection.id, services.clock).load()
    assert grant.refresh_token in kept
    kept_and_logged = "\n".join(dump(services.database.engine)) + caplog.text
    for secret in (grant.refresh_token, "SECRET", WORK, "code_verifier"):
        assert secret not in kept_and_logged


@pytest.mark.parametrize("number", [65001, 90094])
def test_the_wall_of_administrators_is_told_with_what_to_forward(client, ben, fake, services, number):
    fake.entra.wall = number
    answer = walk(client, fake, ben)
    assert answer.status_code == 422
    told = text_of(answer)
    assert "only an administrator say yes" in told
    assert f"https://{fake.host}/organizations/v2.0/adminconsent?client_id=" in told
    assert "feed" in told, "and the way meanwhile"
    with services.database.read() as session:
        assert session.scalars(select(Grant)).all() == []


def test_an_administrator_who_allowed_it_is_thanked_and_nothing_changes(client, services):
    """learn.microsoft.com/entra/identity-platform/v2-admin-consent: a yes comes back to the same address."""
    before = dump(services.database.engine)
    answer = client.get(BACK, query_string={"admin_consent": "True", "tenant": "x", "scope": "y"})
    assert answer.status_code == 200
    assert "Tell whoever asked you" in text_of(answer)
    refused = client.get(BACK, query_string={"error": "permission_denied", "error_description": "AADSTS650051"})
    assert refused.status_code == 400
    assert dump(services.database.engine) == before


def test_a_no_leaves_nothing_behind(client, ben, fake, services):
    answer = walk(client, fake, ben, decision="cancel")
    assert answer.status_code == 422
    assert "You said no there" in text_of(answer)
    assert "/organizations/v2.0/adminconsent" in text_of(answer), "it may have been the wall: Entra does not always say"
    with services.database.read() as session:
        assert session.scalars(select(Connection)).all() == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("microsoft_client_secret", SECRET_ID), ("microsoft_client_secret", "another"), ("microsoft_authority", "/typo")],
)
def test_what_is_set_up_wrongly_is_told_to_who_can_do_nothing_with_a_way_on(fake, settings, database, setting, value):
    about = {**fake.settings, setting: f"https://{fake.host}{value}" if value.startswith("/") else value}
    services = wiring.build(replace(settings, **about))
    with services.database.write() as session:
        ben_id = cast.person(session, services.clock(), "ben").id
    answer = walk(create_app(services).test_client(), fake, link(services, "connect", ben_id))
    assert answer.status_code == 422
    assert "client id and secret" in text_of(answer)
    assert "feed" in text_of(answer)
    services.database.close()


def test_who_connects_again_keeps_one_connection_with_fresh_tokens(client, ben, fake, services):
    walk(client, fake, ben)
    first = StoredTokens(services.database, the_connection(services).id, services.clock).load()
    walk(client, fake, ben)
    connection = the_connection(services)
    assert StoredTokens(services.database, connection.id, services.clock).load() != first


def test_a_process_without_microsoft_loads_nothing_of_it(settings):
    script = (
        "import sys\n"
        "from service import wiring, provider_wiring\n"
        "from service.settings import Settings\n"
        "from service.store import migrate\n"
        "from workers import run\n"
        "from pathlib import Path\n"
        f"services = wiring.build(Settings(data_dir=Path({str(settings.data_dir)!r}), secret_keys=('k' * 43,)))\n"
        "provider_wiring.warm(services.settings)\n"
        "assert 'msal' not in sys.modules\n"
        "from dataclasses import replace\n"
        "from service.web import serve\n"
        "both = replace(services.settings, microsoft_client_id='x', microsoft_client_secret='y')\n"
        "serve._warm(replace(services, settings=both))\n"  # a database without tables is no reason not to start
        "migrate.migrate(services.database.engine)\n"
        "serve._warm(replace(services, settings=both))\n"
        "assert 'msal' not in sys.modules, 'nobody has connected it'\n"
        "provider_wiring.warm(both)\n"
        "assert 'msal' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
