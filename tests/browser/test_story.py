"""The whole story in a browser: at phone and desktop width, without JavaScript, by keyboard alone; axe everywhere."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import select

from service.links import link_for, url_of
from service.operations import commitments, followup, personal_links
from service.operations.commitments import Line
from service.store.tables import Meeting
from tests import cast
from tests.web.walk import add_mail
from workers.deliver import drain

pytestmark = [pytest.mark.browser, pytest.mark.long]
NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


class Visit:
    """One reader's window; every page it looks at is measured and, with JavaScript, given to axe."""

    def __init__(self, browser, size, javascript=True, scheme="light", **context):
        self.size, self.javascript = size, javascript
        self.context = browser.new_context(
            viewport=size, java_script_enabled=javascript, color_scheme=scheme, **context
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)

    def look(self):
        """Nothing sticks out sideways, every tap target is large enough, axe finds nothing."""
        self.page.wait_for_load_state()
        assert self.page.locator("h1").count() == 1
        if not self.javascript:
            return
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.size["width"]
        found = Axe().run(self.page)
        assert found.violations_count == 0, [
            (each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found.response["violations"]
        ]

    def open(self, url):
        self.page.goto(url)
        self.look()

    def shot(self, name):
        """A picture for whoever wants to look, where GREENROOM_SHOTS says."""
        if os.environ.get("GREENROOM_SHOTS"):
            path = f"{os.environ['GREENROOM_SHOTS']}/{name}-{self.size['width']}.png"
            self.page.screenshot(path=path, full_page=True)

    def press(self, name, exact=False):
        self.page.get_by_role("button", name=name, exact=exact).last.click()
        self.look()


@pytest.fixture
def ana(site):
    """The link that Ana was given, and her pair."""
    with site.database.write() as session:
        pair = cast.pair(session, NOW, place="https://meet.example.org/ben")
        talk = cast.talk(session, NOW, pair)
        link = personal_links.scheduling_link(session, NOW, pair, "practice", talk.id)
        return url_of(site.settings.base_url, link), pair.id


def made(site):
    with site.database.read() as session:
        return session.scalars(select(Meeting).order_by(Meeting.id.desc())).first()


def ask_for_a_time(visit):
    page = visit.page
    page.fill("#day", "2027-02-26")
    page.fill("#at", "15:00")
    page.get_by_role("button", name="Would it work?").click()
    page.get_by_text("Yes, Fri 26 Feb, 15:00 would suit you both.").wait_for()
    visit.look()
    assert page.locator("section:has(#in-mind) .card").count() == 1


def link(site, purpose, person_id, **subject):
    with site.database.write() as session:
        return url_of(site.settings.base_url, link_for(session, site.clock(), purpose, person_id, **subject))


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["390", "1280"])
@pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])
def test_the_whole_story(chromium, site, ana, size, javascript):
    visit = Visit(chromium, size, javascript)
    page = visit.page
    # The link: three times, each with a sentence; choosing changes nothing.
    visit.open(ana[0])
    assert page.locator(".cards > .card").count() == 3
    assert "6 days before" in page.locator(".card.best").inner_text()
    ask_for_a_time(visit)
    page.locator(".card.best").click()
    visit.look()
    assert "not booked yet" in page.locator("h1").inner_text()
    page.fill("#ask", "Be sure of my opening")
    page.get_by_text("Agenda, 6 points").click()
    page.get_by_role("button", name="Move point 2 up").click()
    assert page.locator("#ask").input_value() == "Be sure of my opening"
    assert "interruption" in page.locator("#p0t").input_value()
    visit.press("Other times")
    ask_for_a_time(visit)
    page.locator(".card.best").click()
    assert page.locator("#ask").input_value() == "Be sure of my opening"
    visit.press("Book and invite Ben")
    assert page.locator("h1").inner_text() == "Booked."
    meeting_url = page.url
    drain(site)
    # Ben's mail program.
    visit.open(f"{site.settings.base_url}/mailbox?person=ben@example.org")
    page.locator("a.card").first.click()
    visit.look()
    assert "Be sure of my opening" in page.frame_locator("iframe").locator("body").inner_text()
    visit.press("Accept", exact=True)
    visit.open(meeting_url)
    assert "Ben has accepted" in page.locator("main").inner_text()
    # Moved: asked once more, then both calendars follow.
    page.get_by_role("link", name="Move it").click()
    page.locator(".card").nth(1).click()
    visit.look()
    assert "not moved yet" in page.locator("h1").inner_text()
    visit.press("Move and tell Ben")
    assert made(site).sequence == 1
    # In its hour: the clock, and what they agree.
    meeting = made(site)
    site.clock.now = meeting.starts_at + timedelta(minutes=5)
    visit.open(meeting_url)
    assert page.locator("[aria-current=step]").count() == 1
    page.fill("#agree", "Shorter slides")
    visit.press("Add", exact=True)
    assert "Shorter slides" in page.locator(".hour").inner_text()
    # An hour after: is this right?
    site.clock.now = meeting.ends_at + timedelta(hours=1)
    with site.database.write() as session:
        followup.run_due(session, site.clock.now)
    after = link(site, "followup", meeting.pair.mentee_id, pair_id=meeting.pair_id, meeting_id=meeting.id)
    visit.open(after)
    assert "Is this right?" in page.locator("h1").inner_text()
    visit.press("Yes, this is right")
    assert "Thank you" in page.locator("main").inner_text()
    assert page.locator(".cards .card").count() == 0 or page.locator(".cards .card").count() == 3


def test_the_hour_goes_on_beside_what_is_half_typed(chromium, site, ana):
    """A minute later the clock has moved and the other's line is there; what is typed and left is as it was."""
    visit = Visit(chromium, PHONE)
    page = visit.page
    visit.open(ana[0])
    page.locator(".card.best").click()
    visit.press("Book and invite Ben")
    meeting = made(site)
    site.clock.now = meeting.starts_at + timedelta(minutes=1)
    page.clock.install()
    visit.open(page.url)
    first = page.locator("[aria-current=step]").inner_text()
    page.fill("#agree", "Shorter sli")
    page.locator("h1").click()
    site.clock.now = meeting.starts_at + timedelta(minutes=20)
    with site.database.write() as session:
        known = session.get(Meeting, meeting.id)
        commitments.agree(session, site.clock.now, known, known.pair.mentor_id, Line(None, "One slide a thought"))
    page.clock.run_for(61_000)
    page.get_by_text("One slide a thought").wait_for()
    assert page.locator("[aria-current=step]").inner_text() != first
    assert page.locator("#agree").input_value() == "Shorter sli"


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["390-dark", "1280"])
def test_every_other_page(chromium, site, ana, size, scheme):
    visit = Visit(chromium, size, scheme=scheme)
    page = visit.page
    base = site.settings.base_url
    with site.database.write() as session:
        pair = session.get(cast.Pair, ana[1])
        cast.broken_calendar(session, NOW, pair.mentor_id)
        mentee, mentor, pair_id = pair.mentee_id, pair.mentor_id, pair.id
    visit.open(ana[0])
    assert "cannot check Ben" in page.locator("main").inner_text()
    for purpose, person_id in (("person", mentee), ("person", mentor), ("connect", mentor)):
        visit.open(link(site, purpose, person_id))
        for each in page.locator("main > details > summary, main section details > summary").all():
            each.click()
        visit.look()
    for state in ("uncertain", "dead", "pending"):
        add_mail(site, state, "answer_lost", due_at=NOW + timedelta(hours=1))
    visit.open(link(site, "operator", None))
    visit.press("arrived")
    assert "holds" in page.locator("[role=status]").inner_text()
    visit.open(link(site, "schedule", mentee, pair_id=pair_id))
    visit.open(f"{base}/")
    page.fill("#email", "ana@example.org")
    visit.press("Mail me my links")
    assert "on its way" in page.locator("[role=status]").inner_text()
    visit.open(f"{base}/mailbox")
    visit.open(f"{base}/s/{'x' * 32}")
    assert "mail you" in page.locator("main").inner_text()


def test_s24_the_whole_way_by_keyboard(chromium, site, ana):
    """Tab and Enter only: to the first card, through the form, to the button; focus is always to be seen."""
    visit = Visit(chromium, PHONE)
    page = visit.page
    visit.open(ana[0])

    def tab_to(matches, limit=60):
        for _ in range(limit):
            page.keyboard.press("Tab")
            if page.evaluate(f"(() => {{ const e = document.activeElement; return {matches}; }})()"):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none"
                return
        raise AssertionError(f"Tab never reached {matches}")

    tab_to("e.classList.contains('card')")
    name = page.evaluate("document.activeElement.innerText")
    assert re.search(r"(Mon|Tues|Wednes|Thurs|Fri)day \d+ \w+", page.evaluate("document.activeElement.textContent")), (
        name
    )
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to("e.id === 'ask'")
    page.keyboard.type("Be sure of my opening")
    tab_to("e.value === 'book' && e.innerText.includes('Book')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/m/**")
    assert page.locator("h1").inner_text() == "Booked."
    assert made(site).ask == "Be sure of my opening"


def test_s25_a_refusal_is_said_first_and_takes_the_focus(chromium, site, ana):
    one, other = Visit(chromium, PHONE), Visit(chromium, PHONE)
    for visit in (one, other):
        visit.open(ana[0])
        visit.page.locator(".card.best").click()
        visit.page.fill("#ask", "KEEP-ME")
    one.press("Book and invite Ben")
    other.press("Book and invite Ben")
    told = other.page.locator("[role=alert]")
    assert told.inner_text().startswith("Not booked")
    assert other.page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    other.page.locator(".card.best").click()
    other.page.wait_for_load_state()
    assert other.page.locator("#ask").input_value() == "KEEP-ME"
    other.press("Book and invite Ben")
    assert other.page.locator("h1").inner_text() == "Booked."
