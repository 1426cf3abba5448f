"""Taking everything away in a browser: read first, done by one button, told afterwards; and the end of a pair."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.operations import closing, people
from service.store.tables import Pair, Person
from tests import cast
from tests.browser.test_story import DESK, PHONE, Visit, link
from tests.web.walk import NOW

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "scheme", "javascript"), [(PHONE, "dark", True), (DESK, "light", False)])
def test_somebody_takes_everything_away(chromium, site, size, scheme, javascript):
    with site.database.write() as session:
        pair, ended = cast.pair(session, NOW), cast.pair(session, NOW, mentor="dan")
        people.end_pair(session, NOW - timedelta(days=3), ended)
        closing.run_due(session, NOW - timedelta(days=3))
        ana, pair_id = pair.mentee_id, pair.id
    visit = Visit(chromium, size, javascript=javascript, scheme=scheme)
    visit.open(link(site, "person", ana))
    assert "stays until Tue 30 Mar" in visit.page.locator("#ended").inner_text()
    visit.page.get_by_label("stays until I take it away").check()
    visit.page.locator("#ended").get_by_role("button").click()
    visit.look()
    assert visit.page.get_by_label("stays until I take it away").is_checked()
    visit.page.get_by_role("link", name="Take away all that is mine").click()
    visit.look()
    visit.press("Take it all away")
    visit.look()
    assert visit.page.get_by_role("heading", name="It is gone").is_visible()
    with site.database.read() as session:
        assert session.get(Person, ana).erased_at is not None
        assert session.get(Pair, pair_id).ended_at is not None
