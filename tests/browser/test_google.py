"""A mentor's way to Google's page and back, as their browser goes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.google_consent import LIST
from service.links import link_for, url_of
from service.wiring import utc_now
from tests import cast
from tests.browser.test_story import DESK, NOW, PHONE, Visit
from tests.integrations.google_fake import google
from tests.integrations.google_world import reaching

pytestmark = pytest.mark.browser
BEN = "ben@example.com"
DENTIST = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)


@pytest.fixture
def fake():
    with google(utc_now) as made:
        made.oauth.account(BEN)
        made.calendar(BEN).put(DENTIST, DENTIST + timedelta(hours=1), "one")
        yield made


@pytest.fixture
def services(services, fake):
    sending = replace(services.settings, mail_transport="gmail", mail_from="meet@example.org")
    with reaching(replace(services, settings=sending), fake) as ours:
        yield ours


@pytest.fixture
def page(site, fake):
    """The page that Ben's mail leads to."""
    fake.oauth.redirect_uris.add(f"{site.settings.base_url}/oauth/google/callback")
    with site.database.write() as session:
        mentor_id = cast.pair(session, NOW).mentor_id
        return url_of(site.settings.base_url, link_for(session, NOW, "connect", mentor_id))


@pytest.mark.parametrize(("size", "javascript"), [(PHONE, True), (DESK, False)])
def test_a_mentor_connects_google_after_a_no_and_a_box_unticked(chromium, page, fake, size, javascript):
    visit = Visit(chromium, size, javascript)
    visit.open(page)
    for prepare, button, told in (
        (lambda: None, "Deny", "You said no there"),
        (lambda: visit.page.get_by_label(LIST).uncheck(), "Allow", "leave every box ticked"),
        (lambda: None, "Allow", f"({BEN}): connected"),
    ):
        visit.page.get_by_role("button", name="Connect Google", exact=True).click()
        visit.page.get_by_role("heading", name="Greenroom wants access").wait_for()
        prepare()
        visit.page.get_by_role("button", name=button).click()
        visit.page.get_by_text(told).first.wait_for()
        visit.look()
    assert "Fri 26 Feb, 10:00" in visit.page.inner_text("main")
    assert "SECRET" not in visit.page.content()
    assert [grant.revoked for grant in fake.oauth.grants] == [True, False]


def test_an_operator_connects_the_account_that_mail_is_sent_from(chromium, site, fake):
    """The button leads off our own site, and back to it."""
    fake.oauth.redirect_uris.add(f"{site.settings.base_url}/oauth/google/callback")
    fake.oauth.accounts.clear()
    fake.oauth.account("meet@example.org")
    with site.database.write() as session:
        url = url_of(site.settings.base_url, link_for(session, NOW, "operator", None))
    visit = Visit(chromium, PHONE, False)
    visit.open(url)
    visit.look()
    visit.page.get_by_role("button", name="Connect meet@example.org at Google").click()
    visit.page.get_by_role("button", name="Allow").click()
    visit.page.get_by_text("meet@example.org at Google is connected since").wait_for()
    visit.look()
    visit.page.get_by_role("button", name="Disconnect it").click()
    visit.page.get_by_text("the account that mail is sent from is not connected").wait_for()
    assert [grant.revoked for grant in fake.oauth.grants] == [True]
