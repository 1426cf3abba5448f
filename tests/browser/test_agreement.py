"""The agreement in a browser, on a phone and on a desk: alone, where they differ, signed by both."""

from __future__ import annotations

import pytest

from tests import cast
from tests.browser.test_story import DESK, PHONE, Visit, link
from tests.web.walk import NOW


@pytest.mark.parametrize(("size", "scheme", "javascript"), [(PHONE, "dark", True), (DESK, "light", False)])
def test_both_answer_talk_and_sign(chromium, site, size, scheme, javascript):
    with site.database.write() as session:
        pair = cast.pair(session, NOW)
        people, path = (pair.mentee_id, pair.mentor_id), f"/agreement/{pair.id}"
    ana, ben = (Visit(chromium, size, javascript=javascript, scheme=scheme) for _ in people)
    ana.open(link(site, "person", people[0]) + path)
    ana.page.locator("details summary").first.click()
    ana.look()
    ana.page.get_by_label("Every two weeks").check()
    ana.press("Fine with me")
    ben.open(link(site, "person", people[1]) + path)
    ben.page.locator("details summary").first.click()
    ben.page.get_by_label("I may decide about a job of theirs").check()
    ben.press("Fine with me")
    ben.look()
    assert ben.page.locator("#differ .panel").count() == 2
    ben.page.locator("#differ button").first.click()
    ben.page.fill("#differ textarea", "Kim decides about Ana.")
    ben.page.locator("#differ button").first.click()
    ben.look()
    ben.press("Sign version 1")
    ana.page.reload()
    ana.press("Sign version 1")
    for summary in ana.page.locator("main > details > summary").all():
        summary.click()
    ana.look()
    assert "Signed by both of you" in ana.page.locator("main").inner_text()
