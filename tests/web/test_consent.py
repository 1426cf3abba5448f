"""Consent at a provider: what is said before, the way there and back, and everything that can come back wrongly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain.errors import AdapterError
from service.operations import consents
from service.store.tables import Connection, Consent, Grant, Pair
from service.web import create_app
from service.web.consent import COOKIE
from tests.fakes import MemoryAuthorizer
from tests.stored import dump
from tests.web.walk import NOW, link, text_of

URL = "google://id of ben@example.com"
BACK = "/oauth/google/callback"


@pytest.fixture
def google():
    return MemoryAuthorizer()


@pytest.fixture
def services(services, google):
    """With Google set up."""
    configured = replace(services.settings, google_client_id="client", google_client_secret="secret")
    return replace(services, settings=configured, authorizers={"google": google})


@pytest.fixture
def ben(services, ana):
    """Ben's link to the page where calendars are connected."""
    with services.database.read() as session:
        mentor_id = session.get(Pair, ana[1]).mentor_id
    return link(services, "connect", mentor_id)


def begin(client, token, access="busy"):
    return client.post(f"/connect/{token}/consent", data={"provider": "google", "access": access})


def state_of(answer):
    return answer.headers["Location"].partition("state=")[2]


def come_back(client, answer, google, **other):
    return client.get(BACK, query_string={"state": state_of(answer), "code": google.code()} | other)


def the_connection(services):
    with services.database.read() as session:
        return session.scalars(select(Connection)).one()


def test_the_page_says_what_we_see_before_anything_is_asked(client, ben, services):
    before = dump(services.database.engine)
    page = client.get(f"/connect/{ben}")
    told = text_of(page)
    assert "when you are busy" in told
    assert "never keep: titles" in told
    assert "Connect Google" in told
    assert "Connect Microsoft" not in told, "it is not set up"
    assert "form-action 'self' https://accounts.google.com" in page.headers["Content-Security-Policy"]
    assert dump(services.database.engine) == before


def test_the_whole_way(client, ben, google, services):
    services.calendars("google", URL, None, None).put(datetime(2027, 2, 26, 15, 0, tzinfo=UTC), 60)
    there = begin(client, ben)
    assert there.status_code == 303
    cookie = there.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Lax", f"Path={BACK}"):
        assert part in cookie
    done = come_back(client, there, google)
    assert done.status_code == 303
    page = text_of(client.get(done.headers["Location"]))
    assert "Google" in page
    assert "(ben@example.com): connected" in page
    assert "1 calendar, 1 counted" in page
    assert "Fri 26 Feb, 10:00" in page
    connection = the_connection(services)
    assert (connection.provider, connection.access, connection.state) == ("google", "busy", "connected")
    stored = "\n".join(dump(services.database.engine))
    for secret in ("tokens of", "kept of", "ben@example.com", "id of"):
        assert secret not in stored


def test_it_comes_back_once_and_to_the_browser_that_began(client, ben, google, services):
    there = begin(client, ben)
    other = create_app(services).test_client()
    elsewhere = come_back(other, there, google)
    assert elsewhere.status_code == 400
    assert "another browser" in text_of(elsewhere)
    unknown = client.get(BACK, query_string={"state": "made-up", "code": "x"})
    assert unknown.status_code == 400
    assert client.get(BACK).status_code == 400
    assert come_back(client, there, google).status_code == 303
    client.set_cookie(COOKIE, there.headers["Set-Cookie"].partition("=")[2].partition(";")[0], path=BACK)
    again = client.get(BACK, query_string={"state": state_of(there), "code": "code-0"})
    assert again.status_code == 400
    assert "answered already" in text_of(again)
    with services.database.read() as session:
        assert len(session.scalars(select(Grant)).all()) == 1


def test_an_answer_that_another_provider_was_asked_for_is_not_taken(services, ben, google):
    client = create_app(replace(services, authorizers={"google": google, "microsoft": google})).test_client()
    there = begin(client, ben)
    cookie = there.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    client.set_cookie(COOKIE, cookie, path="/oauth/microsoft/callback")
    foreign = client.get("/oauth/microsoft/callback", query_string={"state": state_of(there), "code": google.code()})
    assert foreign.status_code == 400
    assert "did not begin here" in text_of(foreign)
    assert come_back(client, there, google).status_code == 303, "and the right one still is"


def test_an_old_one_is_told_so_and_forgotten(client, ben, google, services):
    there = begin(client, ben)
    services.clock.now = NOW + consents.LIVES
    assert "twenty minutes" in text_of(come_back(client, there, google))
    services.clock.now = NOW + 3 * consents.LIVES
    begin(client, ben)
    with services.database.read() as session:
        assert len(session.scalars(select(Consent)).all()) == 1


@pytest.mark.parametrize("code", ["consent_denied", "admin_consent", "consent_expired", "client_refused",
                                  "redirect_refused", "provider_unreachable"])  # fmt: skip
def test_what_the_provider_says_no_for_is_told_on_our_page(client, ben, google, services, code):
    google.refused = code
    answer = come_back(client, begin(client, ben), google, error="access_denied")
    assert answer.status_code == 422
    assert f"adapter.{code}" not in text_of(answer), "there are words for it"
    assert "Connect Google" in text_of(answer), "and the way on"
    with services.database.read() as session:
        assert session.scalars(select(Connection)).all() == []


def test_a_box_that_was_unticked_is_noticed(client, ben, google, services):
    google.granted = frozenset()
    answer = come_back(client, begin(client, ben), google)
    assert answer.status_code == 422
    assert "leave every box ticked" in text_of(answer)
    assert google.revoked == ["tokens of state-0-busy"], "what was given is given back"
    google.granted = frozenset({"busy"})
    less = come_back(client, begin(client, ben, access="write"), google)
    assert less.status_code == 303
    assert the_connection(services).access == "busy", "less than was asked for is still good for reading"


def test_a_calendar_that_cannot_be_read_stands_and_says_so(client, ben, google, services):
    services.calendars("google", URL, None, None).fault = AdapterError("timeout", permanent=False, host="google")
    answer = come_back(client, begin(client, ben), google)
    assert answer.status_code == 422
    assert the_connection(services).state == "off", "nobody's times are blocked by what was never read"


def test_connecting_again_takes_the_same_account_over_and_keeps_what_counts(client, ben, google, services):
    come_back(client, begin(client, ben), google)
    with services.database.write() as session:
        connection = session.scalars(select(Connection)).one()
        connection.calendars[0].counts, connection.state, connection.fault = False, "reconnect", "reconnect"
    come_back(client, begin(client, ben), google)
    with services.database.read() as session:
        connection = session.scalars(select(Connection)).one()
        assert (connection.state, connection.calendars[0].counts) == ("connected", False)
        assert session.scalars(select(Grant)).one().tokens.secret == "tokens of state-1-busy"


def test_taking_it_away_revokes_it_at_the_provider(client, ana, ben, google, services):
    come_back(client, begin(client, ben), google)
    with services.database.read() as session:
        page = link(services, "person", session.get(Pair, ana[1]).mentor_id)
    connection_id = the_connection(services).id
    assert client.post(f"/p/{page}/remove", data={"connection": connection_id}).status_code == 303
    assert google.revoked == ["tokens of state-0-busy"]
    with services.database.read() as session:
        assert session.scalars(select(Connection)).all() == session.scalars(select(Grant)).all() == []


def test_a_connection_that_needs_its_person_leads_back_to_the_page(client, ana, ben, google, services):
    come_back(client, begin(client, ben), google)
    with services.database.write() as session:
        connection = session.scalars(select(Connection)).one()
        connection.state, connection.fault, connection.failed_at = "reconnect", "reconnect", NOW
        page = session.get(Pair, ana[1]).mentor_id
    token = link(services, "person", page)
    assert "Connect it again" in text_of(client.get(f"/p/{token}"))
    to = client.post(f"/p/{token}/consent", data={"provider": "google"})
    assert to.status_code == 303
    assert "Connect Google" in text_of(client.get(to.headers["Location"]))


def test_providers_that_are_not_set_up_are_not_there(client, ben):
    assert client.post(f"/connect/{ben}/consent", data={"provider": "microsoft"}).status_code == 404
    assert client.post(f"/connect/{ben}/consent", data={"provider": "fax"}).status_code == 404
    assert client.get("/oauth/microsoft/callback").status_code == 404
    assert begin(client, ben, access="everything").status_code == 404
    assert timedelta(minutes=10) < consents.LIVES < timedelta(hours=1)


def test_the_fourth_step_is_offered_where_we_can_write_and_says_what_we_do(client, ben, google, services):
    google.granted = frozenset({"busy", "write"})
    told = text_of(client.get(f"/connect/{ben}"))
    assert "write our meetings into it" in told
    assert "touch nothing else" in told
    page = text_of(client.get(come_back(client, begin(client, ben, access="write"), google).headers["Location"]))
    assert "Our meetings are written into it" in page
    assert the_connection(services).access == "write"


def test_the_page_that_was_made_for_writing_leads_there_first(client, ana, services):
    for access in ("write", "busy"):
        with services.database.write() as session:
            _, link = consents.invite(session, NOW, session.get(Pair, ana[1]).mentor, "google", access)
        html = client.get(f"/connect/{link.token}").get_data(as_text=True)
        assert f'class="primary" name="access" value="{access}"' in html


def test_a_step_down_ends_the_whole_grant_and_asks_for_less(client, ben, google, services):
    google.granted = frozenset({"busy", "write"})
    come_back(client, begin(client, ben, access="write"), google)
    connection_id = the_connection(services).id
    down = client.post(f"/connect/{ben}/step_down", data={"connection": connection_id})
    assert down.status_code == 303
    assert google.revoked == ["tokens of state-0-write"]
    assert (the_connection(services).access, the_connection(services).state) == ("busy", "reconnect")
    page = text_of(client.get(down.headers["Location"]))
    assert "needs you: connect it again" in page
    assert "Our meetings are written into it" not in page
    for other in (connection_id, "x", 999):
        assert client.post(f"/connect/{ben}/step_down", data={"connection": other}).status_code == 404
