"""A mentor's way to Microsoft's page and back, as their browser goes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.links import link_for, url_of
from tests import cast
from tests.browser.test_story import DESK, NOW, PHONE, Visit
from tests.integrations.google_world import reaching
from tests.integrations.microsoft_fake import microsoft

pytestmark = pytest.mark.browser
BEN = "ben@example.com"
DENTIST = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)


@pytest.fixture
def fake(tmp_path):
    with microsoft(tmp_path) as made:
        made.graph.mailbox(BEN).add("Calendar", default=True).put(DENTIST, DENTIST + timedelta(hours=1))
        yield made


@pytest.fixture
def services(services, fake):
    with reaching(services, fake) as ours:
        yield ours


@pytest.fixture
def page(site, fake):
    """The page that Ben's mail leads to."""
    fake.entra.redirect_uris.add(f"{site.settings.base_url}/oauth/microsoft/callback")
    with site.database.write() as session:
        mentor_id = cast.pair(session, NOW).mentor_id
        return url_of(site.settings.base_url, link_for(session, NOW, "connect", mentor_id))


@pytest.mark.parametrize(("size", "javascript"), [(PHONE, True), (DESK, False)])
def test_a_mentor_connects_microsoft_after_a_no_and_a_wall(chromium, page, fake, size, javascript):
    visit = Visit(chromium, size, javascript, ignore_https_errors=True)
    visit.open(page)
    for wall, button, told in (
        (None, "Cancel", "You said no there"),
        (90094, "Accept", "/organizations/v2.0/adminconsent?client_id="),
        (None, "Accept", f"({BEN}): connected"),
    ):
        fake.entra.wall = wall
        visit.page.get_by_role("button", name="Connect Microsoft", exact=True).click()
        visit.page.get_by_role("heading", name="Permissions requested").wait_for()
        visit.page.get_by_label("Account").fill(BEN)
        visit.page.get_by_role("button", name=button).click()
        visit.page.get_by_text(told).first.wait_for()
        visit.look()
    assert "Fri 26 Feb, 10:00" in visit.page.inner_text("main")
    assert "SECRET" not in visit.page.content()
    assert len(fake.entra.grants) == 1
