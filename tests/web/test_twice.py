"""Every form of the site, sent twice as it stands: the second changes nothing more, and nobody gets an odd answer."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from integrations.maildir_mail import MaildirMailer
from service.domain.goals import GoalDraft
from service.operations import (
    agreements,
    bringing,
    calendars,
    commitments,
    coordinators,
    goals,
    help_requests,
    notes,
    people,
    proposing,
    refreshing,
    shelf,
    suggestions,
)
from service.operations.commitments import Line
from service.operations.journal import journal_of
from service.operations.offering import SlotQuery
from service.operations.people import PersonInput
from service.operations.proposing import ProposalInput
from service.store.tables import CriticalDate, Goal, Inbound, Meeting, Pair
from service.web import create_app, meeting, person
from service.web import goals as goals_page
from service.web import journal as journal_page
from service.web import notes as notes_page
from service.web import programme as programme_page
from tests import cast
from tests.stored import dump
from tests.web.walk import NOW, add_mail, book, first_card, forms_of, link
from workers.deliver import drain

pytestmark = pytest.mark.long
AGAIN = 303, 303
NEW_PAIR = {"mentee_email": "dan@example.org", "mentor_email": "ben@example.org"}
CSV = (
    "mentee_name,mentee_email,mentee_zone,mentor_name,mentor_email,mentor_zone\n"
    "Dan Roe,dan@example.org,Europe/Berlin,Ben Okafor,ben@example.org,America/New_York\n"
)
DATE = {"kind": "exam", "day": "2027-03-21", "time": "10:00", "label": "Oral"}
DAYS = {"first": "2027-03-01", "last": "2027-03-05"}
LINES = {"line.0.text": "Thank Kim", "line.1.text": "Write the abstract", "reflection": "Slow down"}
CASES = {  # what the form does: its page, what is typed into it, which button is pressed, the two answers
    "front.mail_links": ("/", {"email": "ana@example.org"}, None, AGAIN),
    "booking.add_date": ("/s/{times}", DATE, None, AGAIN),
    "booking.decided": ("decide", {"ask": "My opening"}, ("action", "book"), AGAIN),
    "proposals.offer": ("/s/{practice}", {"start": "2027-02-25T15:00:00Z", "comment": "This one?"}, None, AGAIN),
    "proposals.offer_instead": ("/m/{anas}/move", {"start": "2027-02-25T15:00:00Z"}, None, AGAIN),
    "proposals.end": ("proposal", {}, None, AGAIN),
    "proposals.taken": ("proposed", {}, None, AGAIN),
    "meeting.moved": ("move", {"reason": "A clash"}, ("action", "move"), AGAIN),
    "meeting.change accept": ("/m/{bens}", {}, None, AGAIN),
    "meeting.change decline": ("/m/{bens}", {}, None, AGAIN),
    "meeting.change cancel": ("/m/{anas}", {"reason": "Ill"}, None, AGAIN),
    "meeting.change agenda": ("/m/{anas}", {"point.0.text": "One thing"}, ("action", "save"), AGAIN),
    "meeting.change ask": ("/m/{anas}", {"ask": "My opening"}, None, AGAIN),
    "meeting.change place": ("/m/{anas}", {"place": "Room 5"}, None, AGAIN),
    "meeting.change happened": ("in its hour", {}, ("happened", "no"), AGAIN),
    "meeting.change agree": ("in its hour", {"text": "Shorter slides"}, None, AGAIN),
    "preparing.prepare": ("/m/{anas}", {"done": "slides"}, None, AGAIN),
    "preparing.listen": ("/m/{anas}", {"listen": "opening"}, None, AGAIN),
    "preparing.ready keep": ("/m/{anas}", {}, ("way", "keep"), AGAIN),
    "preparing.ready shorten": ("/m/{anas}", {}, ("way", "shorten"), AGAIN),
    "preparing.ready move": ("/m/{anas}", {}, ("way", "move"), AGAIN),
    "arc.book": ("/p/{person}/arc/1", {}, None, AGAIN),
    "after.entry_mail": ("/i/{entry}", {}, None, AGAIN),
    "after.answered yes": ("after", LINES, ("happened", "yes"), AGAIN),
    "after.answered no": ("after", LINES, ("happened", "no"), AGAIN),
    "person.change hours": ("/p/{person}", {"hours": "Mon 10:00-16:00", "cap_day": "0"}, None, AGAIN),
    "person.change mails": ("/p/{person}", {"mails": "fewer"}, None, AGAIN),
    "person.change person": ("/p/{person}", {"name": "Ana Maria Lima"}, None, AGAIN),
    "person.change changes": ("/p/{person}", {"when_deleted": "keep", "when_moved": "keep"}, None, AGAIN),
    "person.change keep": ("over", {"keep": "on"}, None, AGAIN),
    "person.change invite": ("/p/{person}", {"invite": "sealed"}, None, AGAIN),
    "person.change pause": ("/p/{person}", {"until": "2027-03-01"}, None, AGAIN),
    "person.change place": ("/p/{person}", {"place": "Room 5"}, None, AGAIN),
    "person.change date": ("/p/{person}", {"day": "2027-03-22"}, None, AGAIN),
    "person.change date new": ("/p/{person}", DATE, None, AGAIN),
    "person.change drop_date": ("/p/{person}", {}, None, AGAIN),
    "person.change share_date": ("/p/{person}", {}, None, AGAIN),
    "person.change schedule": ("/p/{person}", {}, None, AGAIN),
    "person.change calendar": ("/p/{person}", {"provider": "ics", "url": "webcal://x"}, None, AGAIN),
    "person.change switch": ("/p/{person}", {}, None, AGAIN),
    "person.change counts": ("/p/{person}", {"counts": "none"}, None, AGAIN),
    "person.change remove": ("/p/{person}", {}, None, AGAIN),
    "person.change commitment": ("/p/{person}", {}, ("state", "moving"), AGAIN),
    "commitments.answered": ("/p/{person}/agreed/1", {"note": "Half of it"}, None, AGAIN),
    "commitments.answered renegotiate": (
        "/p/{person}/agreed/1",
        {"due_on": "2027-03-02"},
        ("state", "renegotiated"),
        AGAIN,
    ),
    "commitments.answered days": (
        "/p/{person}/agreed/2",
        {"first": "2027-03-01", "last": "2027-03-05"},
        ("action", "days"),
        AGAIN,
    ),
    "person.change feed": ("/p/{person}", {}, None, AGAIN),
    "person.change help": ("/p/{person}", {"help": "May we talk?"}, None, AGAIN),
    "person.change take_back": ("/p/{person}", {}, None, AGAIN),
    "person.change words": ("/p/{person}", {}, ("wish", "agenda"), AGAIN),
    "erasing.erased": ("/p/{person}/erase", {}, None, AGAIN),
    "person.change rotate": ("/p/{person}", {}, None, (303, 410)),  # that is what it is for
    "agreement.act answer": ("/p/{person}/agreement/1", {"clause.hope": "To speak up"}, None, AGAIN),
    "agreement.act change": ("answered", {"clause.cadence": "light"}, None, AGAIN),
    "agreement.act sign": ("settled", {}, None, AGAIN),
    "agreement.act withdraw": ("signed", {}, None, AGAIN),
    "goals.change add": ("goals", {"text": "Speak up", "shared": "on"}, None, AGAIN),
    "goals.change change": ("goals", {"text": "Speak up more"}, None, AGAIN),
    "goals.change remove": ("goals", {}, None, AGAIN),
    "goals.change matters": ("goals", {"matters": "My children"}, None, AGAIN),
    "goals.change answer": ("goals", {}, ("answer", "accept"), AGAIN),
    "goals.change suggest": ("bens goals", {"text": "Ask Kim"}, None, AGAIN),
    "goals.change put_away": ("goals", {}, None, AGAIN),
    "goals.change bring_back": ("bens goals", {}, None, AGAIN),
    "goals.meeting_for": ("wanted", {"goal": "1"}, None, AGAIN),
    "journal.change along": ("journal", {}, None, AGAIN),
    "journal.change remove": ("journal", {}, None, AGAIN),
    "notes.change reflect": ("notes", {"thought.stayed": "Slow down"}, None, AGAIN),
    "notes.change story": ("notes", {"text": "He once failed", "trying": "Try", "act": "on"}, None, AGAIN),
    "notes.change share": ("notes", {}, None, AGAIN),
    "notes.change remove": ("notes", {}, None, AGAIN),
    "notes.change question": ("notes", {"answer": "Courage"}, ("how", "keep"), AGAIN),
    "notes.change debrief": ("notes", {"debrief": "It went well"}, ("action", "write"), AGAIN),
    "notes.change put_away": ("notes", {}, None, AGAIN),
    "notes.change open": ("bens notes", {}, None, AGAIN),
    "notes.change ask": ("bens notes", {"text": "What would be enough?"}, None, AGAIN),
    "primer.change read": ("/p/{person}/primer/1", {"summary": "It is mine"}, None, AGAIN),
    "primer.change put_away": ("/p/{person}/primer/1", {}, None, AGAIN),
    "pulse.write": ("/p/{person}/pulse/1", {"more": "Stories"}, ("action", "write"), AGAIN),
    "pulse.end": ("/p/{person}/ending/1", {}, None, AGAIN),
    "consent.connected": ("/connect/{connect}", {"provider": "ics", "url": "webcal://x"}, None, AGAIN),
    "operator.decided": ("/operator/{operator}", {}, ("decision", "retry"), AGAIN),
    "operator.decided arrived": ("/operator/{operator}", {}, ("decision", "arrived"), (303, 409)),  # says it is decided
    "operator.decided address": ("/operator/{operator}", {}, ("decision", "try-again"), AGAIN),
    "programme.change answered": ("/programme/{programme}", {}, None, AGAIN),
    "programme.change address": ("wrong address", {"email": "eve.lima@example.org"}, None, AGAIN),
    "programme.change welcome": ("working address", {}, None, AGAIN),
    "programme.change end": ("/programme/{programme}", {}, None, AGAIN),
    "programme.change again": ("ended", {}, None, AGAIN),
    "programme.change two": ("/programme/{programme}", NEW_PAIR, None, (303, 422)),  # says that they are a pair
    "programme.change import": ("/programme/{programme}", {"csv": CSV}, None, (200, 200)),
    "programme.change add": ("looked at", {}, None, (303, 422)),  # the same
    "mailbox.answer": ("mail", {}, ("answer", "ACCEPTED"), AGAIN),
}
AS_IT_WAS = {"person.change schedule", "preparing.ready move", "programme.change import"}  # only leads on
LISTED = "'coordinator', 'list'"  # the line of having looked
READ_ANEW = {
    "arc.book",
    "meeting.moved",
    "proposals.offer",
    "proposals.offer_instead",
    "proposals.taken",
    "person.change calendar",
    "consent.connected",
}  # each time the calendar itself is asked


@pytest.fixture
def site(services):
    return replace(services, mailer=MaildirMailer(services.settings.data_dir / "mailbox"))


@pytest.fixture
def client(site):
    return create_app(site).test_client()


@pytest.fixture
def tokens(site, client, ana):
    """A life with one of everything that a form is about; every link by its name."""
    booked, meeting_id = book(site, client, ana)
    with site.database.write() as session:
        pair, booked_one = session.get(Pair, ana[1]), session.get(Meeting, meeting_id)
        mentee, mentor, session.get(CriticalDate, ana[2]).shared_at = pair.mentee_id, pair.mentor_id, None
        pair.mentee.refused_at = NOW
        cast.dan(session, NOW)
        cleo = coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "UTC")).id
        help_requests.ask(session, NOW, pair.mentee, "How do I end this?")
        commitments.agree(session, NOW, booked_one, mentee, Line(None, "Read the piece on openings", mentee))
        commitments.agree(session, NOW, booked_one, mentee, Line(None, "A course", mentee, kind="learn"))
        wanted = calendars.NewConnection("ics", "webcal://known")
        asked = refreshing.request_for(session, NOW, pair.mentee)
        found = calendars.probe(site.calendars, wanted, asked, timedelta(seconds=1))
        calendars.add_connection(session, NOW, pair.mentee, wanted, found, site.settings.poll)
        words = b"From: ana@example.org\r\n\r\nCould we talk about questions, too?\r\n"
        session.add(Inbound(message_key="m", raw=words, state="waiting", person_id=mentee, meeting_id=meeting_id,
                            received_at=NOW))  # fmt: skip
    for state in ("dead", "uncertain"):
        add_mail(site, state)
    subject = {"pair_id": ana[1], "meeting_id": meeting_id}
    made = {purpose: link(site, purpose, mentee, **subject) for purpose in ("person", "connect", "entry", "followup")}
    made |= {"times": link(site, "schedule", mentee, pair_id=ana[1]), "practice": ana[0], "anas": booked}
    made["programme"] = link(site, "programme", cleo)
    return made | {"bens": link(site, "meeting", mentor, **subject), "operator": link(site, "operator", None)}


def page_of(site, client, tokens, name):
    """The page that holds the form, at the time at which it does."""
    with site.database.read() as session:
        held = session.scalars(select(Meeting)).one()
    if name == "decide":
        return client.get(first_card(client.get(f"/s/{tokens['practice']}")))
    if name == "move":
        return client.get(first_card(client.get(f"/m/{tokens['anas']}/move")))
    if name in {"proposal", "proposed"}:
        with site.database.write() as session:
            pair = session.get(Pair, held.pair_id)
            said = ProposalInput((held.starts_at + timedelta(days=3),), pair.mentor_id)
            query = SlotQuery(pair.id, "check-in", reader="mentor")
            made = proposing.propose(session, NOW, timedelta(hours=1), query, said)
            which = f"proposals/{made.id}" if name == "proposal" else f"proposed/{made.times[0].id}"
        return client.get(f"/s/{tokens['times']}/{which}")
    if name == "mail":
        drain(site)
        box = client.get("/mailbox?person=ben@example.org").get_data(as_text=True)
        return client.get(re.search(r'href="(/mailbox/[^"?]+)"', box)[1])
    if name in {"working address", "wrong address", "ended", "looked at"}:
        return pairs_page(site, client, tokens, held.pair_id, name)
    if name in {"answered", "settled", "signed"}:
        agree(site, held.pair_id, name)
        name = "/p/{person}/agreement/1"
    if name == "wanted":
        want(site, held)
        name = "/m/{anas}"
    if name in {"goals", "bens goals"}:
        want(site, held)
        person_id = held.pair.mentee_id if name == "goals" else held.pair.mentor_id
        return client.get(f"/p/{link(site, 'person', person_id)}/goals/{held.pair_id}")
    if name == "journal":
        with site.database.write() as session:
            ana = session.get(Pair, held.pair_id).mentee
            goals.add(session, NOW, session.get(Pair, held.pair_id), ana.id, GoalDraft("Speak up"))
            taken = journal_of(session, ana)
            other = taken.pairs[0].model_copy(update={"other": "Cam Diaz"})
            bringing.bring(session, NOW, ana, taken.model_copy(update={"pairs": [other]}))
            goals.remove(session, session.scalars(select(Goal)).one())
        return client.get(f"/p/{link(site, 'person', ana.id)}/journal")
    if name in {"notes", "bens notes"}:
        site.clock.now = held.ends_at + timedelta(hours=1)
        keep(site, held, asked=name == "notes")
        person_id = held.pair.mentee_id if name == "notes" else held.pair.mentor_id
        return client.get(f"/p/{link(site, 'person', person_id)}/notes/{held.pair_id}")
    if name == "over":
        with site.database.write() as session:
            people.end_pair(session, NOW, session.get(Pair, held.pair_id))
        name = "/p/{person}"
    if name == "in its hour":
        site.clock.now = held.starts_at + timedelta(minutes=12)
        name = "/m/{anas}"
    if name == "after":
        site.clock.now = held.ends_at + timedelta(hours=1)
        name = "/f/{followup}"
    return client.get(name.format(**tokens))


def pairs_page(site, client, tokens, pair_id, name):
    """The coordinator's, when mail arrives; of a new pair; of ended ones; or of a list that is looked at."""
    path = f"/programme/{tokens['programme']}"
    with site.database.write() as session:
        pair = session.get(Pair, pair_id)
        pair.mentee.refused_at, pair.ended_at = None, NOW if name == "ended" else None
        if name == "wrong address":
            path += f"?pair={cast.other_mentee(session, NOW, pair.mentor_id).id}"
    if name == "looked at":
        return client.post(f"{path}/import", data={"csv": CSV})
    return client.get(f"{path}?show=ended" if name == "ended" else path)


def want(site, held):
    """The mentee has a goal, the mentor has suggested one and wants no help with words."""
    with site.database.write() as session:
        pair = session.get(Pair, held.pair_id)
        goals.add(session, NOW, pair, pair.mentee_id, GoalDraft("Explore"))
        suggestions.suggest(session, NOW, pair, pair.mentor_id, "goal", "Write a review")
        suggestions.put_away(session, pair.mentor_id, "wording")


def keep(site, held, *, asked):
    """A debrief is over, the mentee shares a story, and the mentor has left a question."""
    with site.database.write() as session:
        session.get(Meeting, held.id).session = "debrief"
        pair = session.get(Pair, held.pair_id)
        story = notes.tell_story(session, NOW, pair, pair.mentee_id, {"text": "He waited too long"})
        notes.share(story, NOW, shared=True)
        if asked:
            shelf.leave_question(session, NOW, pair, pair.mentor_id, "What are you afraid of?")


def agree(site, pair_id, until):
    """Both have answered; or settled where they differ; or signed, and one wants to change a line."""
    with site.database.write() as session:
        pair = session.get(Pair, pair_id)
        for by_id, said in ((pair.mentee_id, {"cadence": "sprint"}), (pair.mentor_id, {})):
            agreements.answer(session, NOW, pair, by_id, said)
        if until != "answered":
            agreements.change(session, NOW, pair, pair.mentee_id, {"cadence": "sprint"})
        if until == "signed":
            for by_id in (pair.mentee_id, pair.mentor_id):
                seen = agreements.desk(session, pair, by_id).row.text_sha256
                agreements.sign(session, NOW, pair, by_id, seen)
            agreements.change(session, NOW, pair, pair.mentee_id, {"cadence": "light"})


def form_for(client, page, case, button):
    """The first of the page's forms that goes there, as a browser finds it."""
    endpoint, what, new = (*case.split(), "", "")[:3]
    routes = client.application.url_map.bind("localhost")
    for form in forms_of(page):
        if form.method == "post" and (button is None or button in form.buttons):
            found, values = routes.match(form.action.partition("?")[0], method="POST")
            done = values.get("what", form.fields.get("action", what) if endpoint == "agreement.act" else what)
            if found == endpoint and done == what and not (new and "date" in form.fields):
                return form
    raise AssertionError(f"no form for {case}")


def stored(site, case):
    """What stands; of an agenda, which is put anew, and of a calendar that was read anew, how many rows."""
    counted = ("agenda_items ", *(("connections ", "calendars ") if case in READ_ANEW else ()))
    rows = [row for row in dump(site.database.engine) if not row.startswith("inbound ") and LISTED not in row]
    return {row for row in rows if not row.startswith(counted)}, len(rows)


@pytest.mark.parametrize("case", CASES)
def test_a_form_that_comes_twice_counts_once(site, client, tokens, case):
    name, typed, button, answers = CASES[case]
    form = form_for(client, page_of(site, client, tokens, name), case, button)
    before = stored(site, case)
    first = form.send(client, button, **typed)
    once = stored(site, case)
    second = form.send(client, button, **typed)
    assert (first.status_code, second.status_code) == answers
    assert stored(site, case) == once
    assert (once == before) == (case in AS_IT_WAS), "and the first did something"


def test_no_form_is_left_out(client):
    """The demo's jumps are to be pressed again and again; consent leads to a provider, and so does a step down,
    which tests of their own do, as they bring in a file of goals; and providers fill in no form."""
    rules = [rule for rule in client.application.url_map.iter_rules() if "POST" in rule.methods]
    posted = {rule.endpoint for rule in rules if not rule.endpoint.startswith("api.")}
    changes = {f"meeting.change {what}" for what in meeting.CHANGES}
    changes |= {f"person.change {what}" for what in person.CHANGES}
    changes |= {f"goals.change {what}" for what in goals_page.CHANGES}
    changes |= {f"journal.change {what}" for what in journal_page.CHANGES}
    changes |= {f"notes.change {what}" for what in notes_page.CHANGES}
    changes |= {f"programme.change {what}" for what in (*programme_page.CHANGES, "import")}
    elsewhere = {"mailbox.jump", "consent.begin", "consent.step_down", "hooks.google", "hooks.microsoft", "hooks.mail"}
    elsewhere |= {"sender.begin", "sender.end"}
    assert posted - elsewhere == {case.split()[0] for case in CASES}
    assert changes - {" ".join(case.split()[:2]) for case in CASES} == {
        "person.change consent",
        "goals.change import",
        "journal.change bring",
    }
