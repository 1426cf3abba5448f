"""Three times offered on a phone and taken from the mail, with JavaScript and without."""

from __future__ import annotations

import re

import pytest

from tests.browser.test_story import PHONE, Visit, ana, made
from workers.deliver import drain

__all__ = ["ana"]


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])
def test_three_times_are_offered_and_one_is_taken_from_the_mail(chromium, site, ana, javascript):
    visit = Visit(chromium, PHONE, javascript)
    page = visit.page
    visit.open(ana[0])
    page.get_by_text("Let Ben choose").click()
    for box in page.locator("#offer > form > label > input").all():
        box.check()
    page.fill("#comment", "Any of these?")
    visit.look()
    visit.press("Offer these to Ben")
    assert "You offered Ben 3 times" in page.locator("h1").inner_text()
    assert page.get_by_text("Kept for the two of you until").count() == 3
    own = page.url
    site.clock.now = site.clock.now.replace(hour=15)  # Ben is awake
    drain(site)
    visit.open(f"{site.settings.base_url}/mailbox?person=ben@example.org")
    page.locator("a.card").first.click()
    visit.look()
    times = page.frame_locator("iframe").locator("a", has_text=re.compile("New York time"))
    assert times.count() == 3
    visit.open(times.nth(1).get_attribute("href"))
    assert "not booked yet" in page.locator("h1").inner_text()
    assert made(site) is None
    page.get_by_role("link", name="Back").click()
    visit.look()
    assert page.get_by_text("Any of these?").count() == 1
    page.get_by_role("link", name="This one").nth(1).click()
    visit.press("Book it and tell Ana")
    assert page.locator("h1").inner_text() == "Booked."
    assert made(site).changed_by == made(site).pair.mentor_id
    visit.open(own)
    assert "It is settled" in page.locator("h1").inner_text()
