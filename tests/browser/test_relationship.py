"""Cards before the first meeting, more of and less of half-way, and an end: by both, in a browser."""

from __future__ import annotations

import pytest

from tests import cast
from tests.browser.test_story import DESK, PHONE, Visit, link
from tests.web.walk import NOW

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "scheme", "javascript"), [(PHONE, "light", True), (DESK, "dark", False)])
def test_cards_a_pulse_and_an_end(chromium, site, size, scheme, javascript):
    with site.database.write() as session:
        pair = cast.pair(session, NOW)
        ana, ben = pair.mentee_id, pair.mentor_id
    bens = Visit(chromium, size, javascript=javascript, scheme=scheme)
    bens.open(link(site, "person", ben))
    bens.page.get_by_role("link", name="Eight short cards on being a mentor").click()
    bens.look()
    bens.press("Not for me")
    assert bens.page.get_by_role("button", name="Not for me").count() == 0
    visit = Visit(chromium, size, javascript=javascript, scheme=scheme)
    visit.open(link(site, "person", ana))
    visit.page.get_by_role("link", name="Six short cards before you meet Ben").click()
    visit.look()
    visit.page.get_by_label("What you take from this").fill("I say where this goes.")
    visit.press("I have read them")
    assert visit.page.get_by_text("You have read them.").is_visible()
    for each, more in ((visit, "Stories of what went wrong"), (bens, "Questions before we meet")):
        each.open(link(site, "person", ana if each is visit else ben))
        each.page.get_by_role("link", name="How is it going?").click()
        each.look()
        each.page.get_by_label("More of").fill(more)
        each.press("Seal it")
    assert bens.page.get_by_text("Stories of what went wrong").is_visible()
    bens.look()
    visit.page.get_by_role("link", name="End it, or find another mentor").click()
    visit.look()
    visit.press("End it")
    assert visit.page.get_by_text("It has ended.").is_visible()
    visit.look()
