"""One's journal in a browser: taken away, brought back in, and gone on with."""

from __future__ import annotations

import json
import zipfile

import pytest

from service.domain.goals import GoalDraft
from service.operations import goals
from tests import cast
from tests.browser.test_story import DESK, PHONE, Visit, link
from tests.web.walk import NOW

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "scheme", "javascript"), [(PHONE, "dark", True), (DESK, "light", False)])
def test_a_journal_leaves_and_comes_back(chromium, site, tmp_path, size, scheme, javascript):
    with site.database.write() as session:
        pair = cast.pair(session, NOW)
        goals.add(session, NOW, pair, pair.mentee_id, GoalDraft("Speak up in the first ten minutes"))
        cast.talk(session, NOW, pair)
        ana = pair.mentee_id
    visit = Visit(chromium, size, javascript=javascript, scheme=scheme)
    visit.open(link(site, "person", ana))
    visit.page.get_by_role("link", name="Your journal").click()
    visit.look()
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="Take my journal away").click()
    with zipfile.ZipFile(download.value.path()) as taken:
        data = json.loads(taken.read("data.json"))
    data["pairs"][0]["with"] = "Cam Diaz"
    brought = tmp_path / "journal.zip"
    with zipfile.ZipFile(brought, "w") as file:
        file.writestr("data.json", json.dumps(data))
    visit.page.set_input_files("#file", brought)
    visit.press("Bring it")
    visit.page.get_by_text("You as mentee, with Cam Diaz").click()
    visit.look()
    assert "> Speak up in the first ten minutes" in visit.page.locator("pre").inner_text()
    visit.press("Go on with its goals, notes and dates, with Ben")
    visit.page.set_input_files("#file", __file__)
    visit.press("Bring it")
    assert "This is no journal of Greenroom." in visit.page.get_by_role("alert").inner_text()
    visit.press("Remove it from here")
    assert visit.page.locator("pre").count() == 0
