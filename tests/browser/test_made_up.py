"""Every page of both roles and of the coordinator, as the demo's programme fills them: looked at on a phone and on a
desk, given to axe, and used by keyboard alone without JavaScript."""

from __future__ import annotations

import io
import os
import re
import threading
from dataclasses import dataclass, replace

import pytest
from PIL import Image
from sqlalchemy import select
from werkzeug.serving import make_server

from service.demo import clock, story
from service.demo.programme import cleo
from service.links import link_for, url_of
from service.operations import coordinators, goals, meetings, notes, people, personal_links, pulses
from service.operations.people import PersonInput
from service.settings import Settings
from service.store.database import Database, connect, sqlite_url
from service.store.tables import Base, CriticalDate, Pair, Person
from service.store.types import Keyring
from service.web import create_app
from tests.browser.test_story import DESK, PHONE, Visit
from tests.conftest import KEYS
from tests.made_up import drain, note, services_of
from tests.smtp import free_port

pytestmark = [pytest.mark.browser, pytest.mark.long]
OF_A_PAIR = ("agreement", "goals", "notes", "primer", "pulse", "ending")
OF_A_PERSON = ("journal", "erase")
ALIKE = (*OF_A_PERSON, "primer", "pulse", "ending")  # the same in the middle and at the start


@dataclass
class MadeUp:
    services: object
    app: object
    pair_id: int
    date_id: int

    def person(self, first_name):
        with self.services.database.read() as session:
            return people.load_person(session, f"{first_name}@example.org").id

    def pair_of(self, first_name):
        if first_name in ("ana", "ben"):
            return self.pair_id
        with self.services.database.read() as session:
            mine = self.person(first_name)
            return session.scalars(select(Pair.id).where((Pair.mentee_id == mine) | (Pair.mentor_id == mine))).one()

    def link(self, purpose, first_name, **subject):
        with self.services.database.write() as session:
            found = link_for(session, self.services.clock(), purpose, self.person(first_name), **subject)
            return url_of(self.services.settings.base_url, found)

    def page(self, first_name, what=None):
        """The address of a person's page, or of one behind it."""
        own = self.link("person", first_name)
        if what in OF_A_PAIR:
            return f"{own}/{what}/{self.pair_of(first_name)}"
        return f"{own}/{what}" if what else own

    def meeting(self, session_type):
        with self.services.database.read() as session:
            pair = session.get_one(Pair, self.pair_id)
            return next(each.id for each in meetings.meetings_of(session, pair) if each.session == session_type)

    def times(self):
        """Where the newcomer begins."""
        with self.services.database.write() as session:
            pair = session.get_one(Pair, self.pair_id)
            link = personal_links.scheduling_link(session, self.services.clock(), pair, "practice", self.date_id)
            return url_of(self.services.settings.base_url, link)

    def arc(self, first_name):
        with self.services.database.read() as session:
            wanted = select(CriticalDate.id).where(CriticalDate.pair_id == self.pair_of(first_name))
            return self.page(first_name, f"arc/{session.scalars(wanted).one()}")

    def after(self, first_name, session_type):
        subject = {"pair_id": self.pair_id, "meeting_id": self.meeting(session_type)}
        return self.link("followup", first_name, **subject)

    def agreed(self, first_name):
        with self.services.database.read() as session:
            lines = meetings.commitments_of(session, self.pair_id, open_only=True)
            return next(line.id for line in lines if line.owner_id == self.person(first_name))


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("made-up"), free_port()
    settings = Settings(
        data_dir=folder, secret_keys=KEYS, programme="Open Doors", contact=f"{cleo.name} <{cleo.email}>"
    )
    database = Database(connect(sqlite_url(folder / "greenroom.db"), Keyring(KEYS)))
    Base.metadata.create_all(database.engine)
    services = services_of(replace(settings, port=port), database)
    told = story.tell(services, note(), drain)
    with database.write() as session:
        coordinators.appoint(session, services.clock(), PersonInput(cleo.email, cleo.name, cleo.zone))
    app = create_app(services)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield MadeUp(services, app, told.pair_id, told.date_id)
    server.shutdown()
    thread.join()
    server.server_close()
    database.close()


def pages(made_up):
    """(whose, which, address) of every page."""
    for name, leaves_out in (("ana", ()), ("ben", OF_A_PERSON), ("jonas", ALIKE), ("maria", ALIKE)):
        for what in (None, *OF_A_PAIR, *OF_A_PERSON):
            if what not in leaves_out:
                yield name, what or "person", made_up.page(name, what)
    yield "ana", "arc", made_up.arc("ana")
    for name in ("ana", "ben"):
        yield name, "agreed", made_up.page(name, f"agreed/{made_up.agreed(name)}")
        for purpose, which in (("meeting", "debrief"), ("meeting", "shape"), ("followup", "shape"), ("entry", "shape")):
            subject = {"pair_id": made_up.pair_id, "meeting_id": made_up.meeting(which)}
            yield name, f"{purpose}-{which}", made_up.link(purpose, name, **subject)
        yield name, "times", made_up.link("schedule", name, pair_id=made_up.pair_id)
    yield "cleo", "programme", made_up.link("programme", "cleo")


def test_the_walk_leaves_no_page_out(made_up):
    pages_of = made_up.app.url_map.bind("localhost")
    walked = {pages_of.match("/" + url.split("/", 3)[3])[0] for _, _, url in pages(made_up)}
    rules = [rule for rule in made_up.app.url_map.iter_rules() if rule.rule.startswith("/p/") and "GET" in rule.methods]
    assert {rule.endpoint for rule in rules if not re.search(r"\.(<|zip|ics)", rule.rule)} <= walked


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["390-dark", "1280"])
def test_every_page_of_both_roles_and_the_coordinators(chromium, made_up, size, scheme):
    """With all that is folded open. axe is asked everything twice in `make soak`, else once, and the mentee's pages
    twice: its work is most of this test's."""
    visit = Visit(chromium, size, scheme=scheme)
    for whose, which, url in pages(made_up):
        visit.page.goto(url)
        for each in visit.page.locator("main details:not([open]) > summary").all():
            if each.is_visible():
                each.click()
        if scheme == "dark" or whose == "ana" or os.environ.get("GREENROOM_SOAK"):
            visit.look()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= size["width"], (whose, which)
        visit.shot(f"{whose}-{which}")


class Guide:
    """The walk of docs/tour.md on a phone, with a picture at each step: `make tour` puts these into docs/tour."""

    def __init__(self, visit):
        self.visit, self.page, self.steps = visit, visit.page, 0

    def show(self, name, says, at="h1"):
        """What the page says there, and how it looks from there on."""
        self.steps += 1
        assert says in self.page.locator("main").inner_text()
        folder = os.environ.get("GREENROOM_TOUR")
        if folder:
            self.page.locator(at).first.evaluate("each => scrollTo(0, each.getBoundingClientRect().top + scrollY - 16)")
            picture = Image.open(io.BytesIO(self.page.screenshot()))
            picture.quantize(32).save(f"{folder}/{self.steps:02}-{name}.png", optimize=True)


def test_the_tour(chromium, made_up):
    visit = Visit(chromium, PHONE)
    guide, page = Guide(visit), visit.page
    page.goto(made_up.page("ana"))
    guide.show("ana", "What you agreed")
    page.goto(made_up.page("ana", "agreement"))
    guide.show("agreement", "Signed by both of you")
    page.goto(made_up.arc("ana"))
    guide.show("arc", "you met")
    page.goto(made_up.page("ana", "goals"))
    guide.show("goals", "Give the seminar talk without reading it out")
    page.goto(made_up.times())
    guide.show("times", "Practice run with Ben")
    page.locator(".card.best").click()
    page.fill("#ask", "Be sure of my opening")
    guide.show("decide", "not booked yet")
    visit.press("Book and invite Ben")
    drain(made_up.services)
    page.goto(f"{made_up.services.settings.base_url}/mailbox?person=ben@example.org")
    page.locator("a.card").first.click()
    guide.show("invitation", "Meeting on")
    assert clock.jump_to(made_up.services, "hour-after", drain)
    page.goto(made_up.after("ana", "practice"))
    guide.show("after", "What did you agree, if anything?")
    page.goto(made_up.page("ana", f"agreed/{made_up.agreed('ana')}"))
    guide.show("agreed", "It needs another day")
    page.goto(made_up.page("ben"))
    guide.show("ben", "With Ana, your mentee")
    page.goto(made_up.page("jonas"))
    guide.show("jonas", "five questions, three minutes")
    page.goto(made_up.link("programme", "cleo"))
    guide.show("cleo", "You see who is paired and whether they meet")
    clock.set_back(made_up.services)


class Keys:
    """Somebody without a mouse, and without JavaScript: Tab, letters, Space and Enter."""

    def __init__(self, visit):
        self.page = visit.page

    def to(self, selector, limit=150):
        """Focus is always to be seen."""
        for _ in range(limit):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                assert self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return self
        raise AssertionError(f"Tab never reached {selector}")

    def write(self, selector, text):
        self.to(selector).page.keyboard.type(text)

    def press(self, selector):
        self.to(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")


def test_a_pairs_work_by_keyboard_without_javascript(chromium, made_up):
    visit = Visit(chromium, PHONE, javascript=False)
    keys, page = Keys(visit), visit.page
    page.goto(made_up.page("jonas", "primer"))
    keys.write("#summary", "It is mine")
    keys.press("button.primary")
    page.goto(made_up.page("jonas", "goals"))
    keys.write("#addt", "Find out what I am good at")
    keys.press("button.primary")
    page.goto(made_up.page("ana", "notes"))
    keys.write("textarea[name^='thought.']", "Stop at every third slide")
    keys.press("#reflect button.primary")
    page.goto(made_up.page("ana", f"agreed/{made_up.agreed('ana')}"))
    keys.to("input[name=state]").page.keyboard.press("ArrowDown")
    keys.press("button.primary")
    page.goto(made_up.page("ana", "pulse"))
    keys.write("#pulse-more", "Walking while we talk")
    keys.press("button.primary")
    page.goto(made_up.arc("emma"))
    keys.press("button.primary")
    assert page.get_by_role("status").count() == 1
    page.goto(made_up.link("meeting", "ana", pair_id=made_up.pair_id, meeting_id=made_up.meeting("debrief")))
    keys.to("#prepare input[name=done]").page.keyboard.press("Space")
    keys.press("#prepare button")
    assert page.locator("#prepare input[name=done]:checked").count() == 1
    with made_up.services.database.read() as session:
        pair, ana, jonas = session.get_one(Pair, made_up.pair_id), made_up.person("ana"), made_up.person("jonas")
        theirs = session.get_one(Pair, made_up.pair_of("jonas"))
        assert [note.text for note in notes.notes_of(session, theirs, jonas)] == ["It is mine"]
        assert [goal.text for goal in goals.goals_of(session, theirs, jonas)] == ["Find out what I am good at"]
        assert "Stop at every third slide" in [note.text for note in notes.notes_of(session, pair, ana)]
        lines = [line for line in meetings.commitments_of(session, pair.id) if line.owner_id == ana]
        assert [line.state for line in lines] == ["moving", "open"]
        own = pulses.pulses_of(session, pair, ana).own
        assert own is not None
        assert own.more == "Walking while we talk"
    maria = made_up.person("maria")
    page.goto(made_up.page("maria", "erase"))
    keys.press("button.danger")
    with made_up.services.database.read() as session:
        assert session.get_one(Person, maria).erased_at is not None
