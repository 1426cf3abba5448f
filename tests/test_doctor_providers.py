"""Whether Google and Microsoft know us, before anybody is sent there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service import wiring
from service.doctor import outside
from service.wiring import utc_now
from tests.integrations.google_fake import google
from tests.integrations.google_oauth_fake import CLIENT_SECRET
from tests.integrations.microsoft_fake import microsoft
from tests.smtp import free_port


@pytest.fixture
def fake():
    with google(utc_now) as made:
        yield made


def rows(settings, **changed):
    services = wiring.build(replace(settings, **changed))
    found = [(row.part, row.state, row.advice) for row in outside.providers(services)]
    services.database.close()
    return found


def test_a_provider_that_knows_us_is_well_and_nobody_was_sent_there(settings, fake):
    assert rows(settings, **fake.settings) == [("google", "well", "")]
    assert [call.method for call in fake.journal] == ["token"]
    assert fake.oauth.grants == []


def test_providers_that_are_not_set_up_are_not_asked(settings):
    assert rows(settings) == []


@pytest.mark.parametrize("changed", [{"google_client_secret": f"{CLIENT_SECRET}x"}, {"google_client_id": "another"}])
def test_a_wrong_client_is_the_operators_to_mend(settings, fake, changed):
    [(part, state, advice)] = rows(settings, **{**fake.settings, **changed})
    assert (part, state) == ("google", "broken")
    assert "client id and secret" in advice


def test_a_tenant_that_is_not_there_is_the_operators_to_mend(settings, tmp_path):
    with microsoft(tmp_path) as entra:
        assert rows(settings, **entra.settings) == [("microsoft", "well", "")]
        typo = {**entra.settings, "microsoft_authority": f"https://{entra.host}/typo"}
        [(part, state, advice)] = rows(settings, **typo)
    assert (part, state) == ("microsoft", "broken")
    assert "client id and secret" in advice


def test_a_provider_that_is_not_there_is_told(settings, fake):
    nobody = f"http://127.0.0.1:{free_port()}/token"
    [(_, state, advice)] = rows(settings, **{**fake.settings, "google_token_uri": nobody})
    assert (state, advice) == ("broken", "The provider does not answer at the moment. Try again in a few minutes.")
