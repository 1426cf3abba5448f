"""The coordinator's page in a browser, on a phone and on a desk, with and without JavaScript, and by keyboard."""

from __future__ import annotations

import pytest

from service.operations import coordinators, help_requests
from service.operations.people import PersonInput
from tests import cast
from tests.browser.test_story import DESK, PHONE, Visit, link
from tests.web.test_programme_page import HEADER
from tests.web.walk import NOW

LIST = f"{HEADER}\nFay Ito,fay@example.org,Asia/Tokyo,Ben Okafor,ben@example.org,America/New_York,Room 5\n"


@pytest.mark.parametrize(("size", "scheme", "javascript"), [(PHONE, "dark", True), (DESK, "light", False)])
def test_a_coordinator_helps_brings_a_list_and_ends_a_pair(chromium, site, size, scheme, javascript):
    with site.database.write() as session:
        cleo = coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "Europe/Lisbon")).id
    visit = Visit(chromium, size, javascript, scheme)
    visit.open(link(site, "programme", cleo))
    visit.shot("empty")
    assert "There are no pairs yet" in visit.page.locator("main").inner_text()
    with site.database.write() as session:
        pair = cast.pair(session, NOW)
        ana = pair.mentee_id
        cast.broken_calendar(session, NOW, pair.mentor_id)
    asking = Visit(chromium, size, javascript, scheme)
    asking.open(link(site, "person", ana))
    asking.page.fill("#help-in", "Could you and I talk about finding somebody else?")
    asking.press("Ask", exact=True)
    asking.shot("asked")
    visit.page.reload()
    visit.look()
    visit.shot("page")
    assert "finding somebody else" in visit.page.locator("#help").inner_text()
    visit.press("I have seen to it")
    visit.page.locator("#two summary").last.click()
    visit.page.fill("#csv", LIST)
    visit.press("Look at what it holds")
    visit.shot("preview")
    visit.press("Add this pair")
    visit.page.locator("#pairs summary").first.focus()
    visit.page.keyboard.press("Enter")
    visit.look()
    visit.shot("open")
    visit.page.locator("#pairs details[open] button.danger").focus()
    visit.page.keyboard.press("Enter")
    visit.page.get_by_text("The pair has ended.").wait_for()
    visit.look()
    with site.database.read() as session:
        assert [each.text for each, _ in help_requests.open_ones(session, "coordinator")] == []
        assert session.get(cast.Pair, pair.id).ended_at is not None


def test_a_long_name_pushes_no_button_off_a_phone(chromium, site):
    with site.database.write() as session:
        cleo = coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "Europe/Lisbon")).id
        pair = cast.pair(session, NOW)
        pair.mentee.name = "Wolfeschlegelsteinhausenbergerdorff Schwarzschild-Featherstonehaugh"
        help_requests.ask(session, NOW, pair.mentee, "May we talk?")
    visit = Visit(chromium, PHONE)
    visit.open(link(site, "programme", cleo))
    visit.page.locator("#pairs summary").first.click()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
