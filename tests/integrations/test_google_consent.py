"""Google's consent: what is asked for, what is taken home, and every way in which it goes wrong."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations.google_account import GoogleTokens
from integrations.google_consent import FREE_BUSY, LIST, NEEDED, OWNED
from service.domain.errors import AdapterError
from tests.fakes import SetClock
from tests.integrations import servers
from tests.integrations.google_document import AUTH
from tests.integrations.google_fake import google
from tests.integrations.google_world import BEN, REDIRECT, World
from tests.smtp import free_port


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def world(clock):
    with google(clock) as fake:
        fake.oauth.redirect_uris.add(REDIRECT)
        yield World(fake, clock)


def consented(world, access="busy", **how):
    """Begun by us, and answered by Ben at Google's page."""
    begun = world.authorizer().begin(access, REDIRECT, BEN)
    return begun, world.fake.consent(begun.url, BEN, **how)


def refusal_of(call, *arguments):
    with pytest.raises(AdapterError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(("access", "scopes"), [("busy", {FREE_BUSY, LIST}), ("write", {FREE_BUSY, LIST, OWNED})])
def test_each_step_asks_for_the_least_and_gets_it(world, access, scopes):
    begun, answer = consented(world, access)
    asked = dict(parse_qsl(urlsplit(begun.url).query))
    assert set(asked["scope"].split()) == scopes | {"openid", "email"}
    assert (asked["access_type"], asked["prompt"], asked["login_hint"]) == ("offline", "consent", BEN)
    assert "include_granted_scopes" not in asked
    granted = world.authorizer().finish(begun.kept, REDIRECT, answer)
    assert (granted.account_id, granted.account) == (world.fake.oauth.accounts[BEN].sub, BEN)
    assert scopes <= granted.scopes
    assert world.authorizer().missing(access, granted.scopes) == frozenset()
    world.box.tokens = granted.tokens
    assert [ref.key for ref in world.adapter().discover(timedelta(seconds=10))] == [BEN]


def test_each_beginning_has_secrets_of_its_own_and_shows_none(world):
    one, other = (world.authorizer().begin("busy", REDIRECT, None) for _ in range(2))
    verifiers = [json.loads(each.kept)["verifier"] for each in (one, other)]
    assert one.state != other.state
    assert verifiers[0] != verifiers[1]
    assert all(len(each) >= 43 and each not in one.url + other.url for each in verifiers)


def test_an_unticked_box_is_noticed(world):
    begun, answer = consented(world, "write", untick=(OWNED, LIST))
    granted = world.authorizer().finish(begun.kept, REDIRECT, answer)
    assert world.authorizer().missing("write", granted.scopes) == {OWNED, LIST}
    assert world.authorizer().missing("busy", granted.scopes) == {LIST}


@pytest.mark.parametrize(
    ("given", "missing"),
    [("calendar", set()), ("calendar.readonly", {OWNED}), ("calendar.events", {FREE_BUSY, LIST})],
)
def test_who_gave_more_has_given_enough(world, given, missing):
    assert world.authorizer().missing("write", frozenset({f"{AUTH}{given}"})) == missing


def test_a_no_is_a_no(world):
    begun, answer = consented(world, deny=True)
    fault = refusal_of(world.authorizer().finish, begun.kept, REDIRECT, answer)
    assert (fault.code, fault.permanent) == ("consent_denied", True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("admin_policy_enforced", "admin_consent"),
        ("org_internal", "client_refused"),
        ("invalid_request", "client_refused"),
        ("unauthorized_client", "client_refused"),
        ("deleted_client", "client_refused"),
        ("invalid_scope", "client_refused"),
        ("unsupported_response_type", "client_refused"),
        ("redirect_uri_mismatch", "redirect_refused"),
        ("interaction_required", "consent_denied"),
        ("login_required", "consent_denied"),
        ("server_error", "provider_unreachable"),
        ("temporarily_unavailable", "provider_unreachable"),
        ("<script>", "client_refused"),
    ],
)
def test_what_google_says_instead_of_a_code_has_its_own_meaning(world, error, code):
    world.fake.oauth.policy = error
    begun, answer = consented(world)
    fault = refusal_of(world.authorizer().finish, begun.kept, REDIRECT, answer)
    assert (fault.code, fault.permanent) == (code, code != "provider_unreachable")


def test_an_answer_is_good_once_for_its_own_state_and_for_ten_minutes(world, clock):
    begun, answer = consented(world)
    foreign = {**answer, "state": world.authorizer().begin("busy", REDIRECT, None).state}
    bad = [foreign, {"code": answer["code"]}, {"state": begun.state}]
    assert [refusal_of(world.authorizer().finish, begun.kept, REDIRECT, each).code for each in bad] == [
        "consent_expired"
    ] * 3
    assert world.fake.calls("token") == []  # none of these went anywhere
    world.authorizer().finish(begun.kept, REDIRECT, answer)
    assert refusal_of(world.authorizer().finish, begun.kept, REDIRECT, answer).code == "consent_expired"
    begun, answer = consented(world)
    clock.advance(minutes=10)
    assert refusal_of(world.authorizer().finish, begun.kept, REDIRECT, answer).code == "consent_expired"


def test_somebody_elses_verifier_does_not_open_a_code(world):
    begun, answer = consented(world)
    other = json.loads(world.authorizer().begin("busy", REDIRECT, None).kept)["verifier"]
    kept = json.dumps({**json.loads(begun.kept), "verifier": other})
    assert refusal_of(world.authorizer().finish, kept, REDIRECT, answer).code == "consent_expired"


def test_another_address_to_come_back_to_is_the_operators_to_register(world):
    begun, answer = consented(world)
    elsewhere = REDIRECT.replace("meet", "other")
    assert refusal_of(world.authorizer().finish, begun.kept, elsewhere, answer).code == "redirect_refused"


def test_a_wrong_secret_is_the_operators(world):
    begun, answer = consented(world)
    fault = refusal_of(world.authorizer(secret="wrong").finish, begun.kept, REDIRECT, answer)
    assert (fault.code, fault.permanent) == ("client_refused", True)


def test_nobody_there_and_not_now_are_tried_again(world):
    begun, answer = consented(world)
    nobody = world.authorizer(host=f"127.0.0.1:{free_port()}")
    assert refusal_of(nobody.finish, begun.kept, REDIRECT, answer).code == "provider_unreachable"
    for method in ("token", "userinfo"):
        begun, answer = consented(world)
        world.fake.faults[method] = [servers.body(b"", 503, Retry_After="17")]
        fault = refusal_of(world.authorizer().finish, begun.kept, REDIRECT, answer)
        assert (fault.code, fault.permanent) == ("provider_unreachable", False)
        assert fault.retry_after == timedelta(seconds=17)


def test_a_grant_without_a_refresh_token_is_asked_for_again(world):
    begun = world.authorizer().begin("busy", REDIRECT, None)
    answer = world.fake.consent(begun.url.replace("&access_type=offline", ""), BEN)
    assert refusal_of(world.authorizer().finish, begun.kept, REDIRECT, answer).code == "consent_expired"


def test_a_grant_is_ended_at_google_and_ending_it_again_does_no_harm(world):
    begun, answer = consented(world)
    granted = world.authorizer().finish(begun.kept, REDIRECT, answer)
    world.fake.faults["revoke"] = [servers.body(b"", 503)]
    assert refusal_of(world.authorizer().revoke, granted.tokens).code == "provider_unreachable"
    world.authorizer().revoke(granted.tokens)
    world.authorizer().revoke(granted.tokens)
    assert world.fake.oauth.grants[-1].revoked
    world.box.tokens = granted.tokens
    fault = refusal_of(world.adapter().discover, timedelta(seconds=10))
    assert (fault.code, fault.permanent) == ("reconnect", True)


def test_no_secret_is_in_a_log_an_error_or_a_repr(world, caplog):
    caplog.set_level(logging.DEBUG)
    begun, answer = consented(world)
    granted = world.authorizer().finish(begun.kept, REDIRECT, answer)
    fault = refusal_of(world.authorizer().finish, begun.kept, REDIRECT, answer)
    tokens = GoogleTokens.parse(granted.tokens)
    told = caplog.text + repr(fault) + repr(fault.params) + repr(tokens)
    secrets = [tokens.refresh_token, tokens.access_token, answer["code"], json.loads(begun.kept)["verifier"]]
    assert not [each for each in secrets if each in told]
    assert set(tokens.scopes) >= NEEDED["busy"]
