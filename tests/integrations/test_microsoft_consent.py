"""Microsoft's consent: what is asked for, what is taken home, and every way in which it goes wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations.http import GuardedHttp
from integrations.microsoft_consent import MicrosoftAuthorizer
from integrations.microsoft_entra import Microsoft, MicrosoftClient
from service.domain.errors import AdapterError
from tests.integrations import servers
from tests.integrations.busy_contract import WAIT
from tests.integrations.entra_fake import CLIENT_ID, GRAPH, SECRET_ID, TENANT
from tests.integrations.microsoft_fake import dropped, microsoft, real_clock
from tests.integrations.microsoft_world import BEN, REDIRECT, World, microsoft_of
from tests.smtp import free_port

BASIC, WRITE, WHO = "Calendars.ReadBasic", "Calendars.ReadWrite", "User.Read"


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake)


def authorizer(world, **other):
    return MicrosoftAuthorizer(microsoft_of(world.fake, **other))


def consented(world, access="busy", decision="accept"):
    """Begun by us, and answered by Ben at Microsoft's page."""
    begun = authorizer(world).begin(access, REDIRECT, BEN)
    return begun, world.fake.consent(begun.url, BEN, decision)


def refusal_of(call, *arguments):
    with pytest.raises(AdapterError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(("access", "scopes"), [("busy", {BASIC, WHO}), ("write", {WRITE, WHO})])
def test_each_step_asks_for_the_least_and_gets_it(world, access, scopes):
    begun, answer = consented(world, access)
    asked = dict(parse_qsl(urlsplit(begun.url).query))
    assert set(asked["scope"].split()) == scopes | {"openid", "profile", "offline_access"}
    assert (asked["response_mode"], asked["prompt"], asked["login_hint"]) == ("query", "select_account", BEN)
    granted = authorizer(world).finish(begun.kept, REDIRECT, answer)
    assert (granted.account_id, granted.account) == (f"{world.fake.entra.account(BEN).oid}.{TENANT}", BEN)
    assert scopes <= granted.scopes
    assert authorizer(world).missing(access, granted.scopes) == frozenset()
    world.box.tokens = granted.tokens
    assert [ref.name for ref in world.adapter().discover(WAIT)] == ["Calendar"]


def test_each_beginning_has_secrets_of_its_own_and_shows_none(world):
    one, other = (authorizer(world).begin("busy", REDIRECT, None) for _ in range(2))
    kept = [json.loads(each.kept) for each in (one, other)]
    assert one.state != other.state
    for secret in ("code_verifier", "nonce"):
        assert kept[0][secret] != kept[1][secret]
        assert all(each[secret] not in one.url + other.url for each in kept)


@pytest.mark.parametrize(
    ("granted", "busy", "write"),
    [
        ({BASIC, WHO}, set(), {WRITE}),
        ({WRITE, WHO}, set(), set()),
        ({"Calendars.Read", WHO}, set(), {WRITE}),
        ({WHO}, {BASIC}, {WRITE}),
        ({BASIC}, {WHO}, {WRITE, WHO}),
    ],
)
def test_what_is_missing_is_named_and_more_is_enough(world, granted, busy, write):
    assert authorizer(world).missing("busy", frozenset(granted)) == busy
    assert authorizer(world).missing("write", frozenset(granted)) == write


def test_scopes_with_graphs_address_before_them_are_known(world):
    world.fake.entra.prefix = GRAPH
    begun, answer = consented(world)
    granted = authorizer(world).finish(begun.kept, REDIRECT, answer)
    assert granted.scopes == {BASIC, WHO}
    world.fake.entra.expire_access_tokens()
    world.box.tokens = granted.tokens
    assert len(world.adapter().discover(WAIT)) == 1, "and asked for by the names that they were given under"


def test_a_code_is_good_once_and_a_clock_five_minutes_off_is_no_matter(tmp_path):
    for minutes in (-5, 5):
        with microsoft(tmp_path, lambda minutes=minutes: real_clock() + timedelta(minutes=minutes)) as fake:
            world = World(fake)
            begun, answer = consented(world)
            assert authorizer(world).finish(begun.kept, REDIRECT, answer).account == BEN
            fault = refusal_of(authorizer(world).finish, begun.kept, REDIRECT, answer)
            assert (fault.code, fault.permanent) == ("consent_expired", True)


def test_a_no_is_a_no(world):
    begun, answer = consented(world, decision="cancel")
    assert refusal_of(authorizer(world).finish, begun.kept, REDIRECT, answer).code == "consent_denied"


@pytest.mark.parametrize("number", [65001, 90094, 90095, 900941])
@pytest.mark.parametrize(("tenant", "shown"), [("common", "organizations"), (TENANT, TENANT)])
def test_the_wall_of_administrators_is_known_with_a_link_for_them(world, number, tenant, shown):
    world.fake.entra.wall = number
    begun = authorizer(world, tenant=tenant).begin("busy", REDIRECT, BEN)
    answer = world.fake.consent(begun.url, BEN)
    fault = refusal_of(authorizer(world, tenant=tenant).finish, begun.kept, REDIRECT, answer)
    assert (fault.code, fault.permanent) == ("admin_consent", True)
    link = urlsplit(fault.params["admin_url"])
    assert (link.netloc, link.path) == (world.fake.host, f"/{shown}/v2.0/adminconsent")
    graph = f"https://{world.fake.host}"
    assert dict(parse_qsl(link.query)) == {
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT,
        "scope": f"{graph}/{BASIC} {graph}/{WHO}",
    }


@pytest.mark.parametrize(
    ("error", "description", "code"),
    [
        ("access_denied", "AADSTS65004: User declined to consent", "consent_denied"),
        ("access_denied", "", "consent_denied"),
        ("login_required", "AADSTS50058: silent", "consent_denied"),
        ("interaction_required", "", "consent_denied"),
        ("consent_required", "AADSTS65001: not consented", "admin_consent"),
        ("invalid_request", "AADSTS50011: reply address", "redirect_refused"),
        ("invalid_request", "AADSTS900144: body", "client_refused"),
        ("unauthorized_client", "AADSTS700016: not found", "client_refused"),
        ("unsupported_response_type", "", "client_refused"),
        ("invalid_scope", "AADSTS70011", "client_refused"),
        ("invalid_resource", "", "client_refused"),
        ("server_error", "AADSTS90033: transient", "provider_unreachable"),
        ("temporarily_unavailable", "", "provider_unreachable"),
        ("something_new", "", "client_refused"),
    ],
)
def test_every_documented_error_has_its_meaning(world, error, description, code):
    begun = authorizer(world).begin("busy", REDIRECT, None)
    answer = {"state": begun.state, "error": error, "error_description": description}
    fault = refusal_of(authorizer(world).finish, begun.kept, REDIRECT, answer)
    assert (fault.code, fault.permanent) == (code, code != "provider_unreachable")
    assert description == "" or description not in repr((fault, fault.params))
    assert ("admin_url" in fault.params) == (code in {"admin_consent", "consent_denied"})


@pytest.mark.parametrize("change", [{"state": "another"}, {"state": ""}, {"code": ""}, {"code": "made-up"}])
def test_an_answer_that_is_not_ours_is_not_taken(world, change):
    begun, answer = consented(world)
    fault = refusal_of(authorizer(world).finish, begun.kept, REDIRECT, {**answer, **change})
    assert fault.code == "consent_expired"


def test_a_code_of_somebody_elses_beginning_is_not_taken(world):
    """PKCE and the nonce: a code that was stolen is worth nothing to who did not begin."""
    _, theirs = consented(world)
    ours = authorizer(world).begin("busy", REDIRECT, BEN)
    fault = refusal_of(authorizer(world).finish, ours.kept, REDIRECT, {"state": ours.state, "code": theirs["code"]})
    assert fault.permanent


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"secret": SECRET_ID}])
def test_a_wrong_secret_or_its_id_is_the_operators(world, wrong):
    begun, answer = consented(world)
    fault = refusal_of(authorizer(world, **wrong).finish, begun.kept, REDIRECT, answer)
    assert (fault.code, fault.permanent) == ("client_refused", True)


def test_a_tenant_that_is_not_there_is_the_operators(world):
    fault = refusal_of(authorizer(world, tenant="typo.example.org").begin, "busy", REDIRECT, None)
    assert (fault.code, fault.permanent) == ("client_refused", True)


def test_an_address_that_is_not_registered_is_refused_on_microsofts_own_page(world):
    begun = authorizer(world).begin("busy", "https://elsewhere.example/callback", BEN)
    with pytest.raises(AssertionError, match="AADSTS50011"):
        world.fake.consent(begun.url, BEN)


@pytest.mark.parametrize(
    ("name", "answer", "code", "after"),
    [
        ("token", servers.body(b"", 503, Retry_After="7"), "provider_unreachable", 7),
        ("token", servers.body(b"", 429), "provider_unreachable", None),
        ("token", dropped, "provider_unreachable", None),
        ("token", servers.body(b"<html>"), "provider_unreachable", None),
        ("token", servers.body(b'{"error": "invalid_grant"}', 400), "consent_expired", None),
        ("token", servers.body(b'{"access_token": "SECRET", "id_token": "x"}'), "client_refused", None),
        ("token", servers.body(b'{"access_token": "SECRET"}'), "client_refused", None),
        ("me", servers.body(b"", 503), "provider_unreachable", None),
        ("me", servers.body(b"<html>"), "provider_unreachable", None),
    ],
)
def test_an_outage_in_between_passes_and_a_mistake_does_not(world, caplog, name, answer, code, after):
    caplog.set_level("DEBUG")
    begun, brought = consented(world)
    world.fake.faults[name] = [answer]
    fault = refusal_of(authorizer(world).finish, begun.kept, REDIRECT, brought)
    wait = timedelta(seconds=after) if after is not None else None
    assert (fault.code, fault.permanent, fault.retry_after) == (code, code != "provider_unreachable", wait)
    assert "SECRET" not in caplog.text
    assert brought["code"] not in caplog.text


def test_nobody_at_home_is_said_in_time(world):
    client = MicrosoftClient(CLIENT_ID, "x", f"https://127.0.0.1:{free_port()}/common", False, "https://127.0.0.1:1")
    nobody = Microsoft(client, GuardedHttp(frozenset(), None))
    fault = refusal_of(MicrosoftAuthorizer(nobody).begin, "busy", REDIRECT, None)
    assert (fault.code, fault.permanent) == ("provider_unreachable", False)


def test_our_own_mailbox_address_is_shown_and_not_the_name_to_sign_in_with(world):
    begun, answer = consented(world)
    world.fake.faults["me"] = [servers.body(b'{"mail": null, "userPrincipalName": "ben@signin.example"}')]
    assert authorizer(world).finish(begun.kept, REDIRECT, answer).account == "ben@signin.example"


def test_taking_it_back_asks_nobody(world):
    before = len(world.fake.journal)
    authorizer(world).revoke(world.box.tokens)
    assert len(world.fake.journal) == before
