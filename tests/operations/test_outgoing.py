"""Every kind of mail, rendered from the state of the moment: true, private, and right in every point of the linter."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from sqlalchemy import select

from service.domain.agenda import AgendaDraft
from service.operations import arcs, booking, calendars, followup, outgoing, people
from service.operations.booking import BookingInput
from service.operations.followup import Line
from service.operations.offering import SlotQuery
from service.store.tables import Meeting, OutboxRow
from tests import cast
from tests.mail_linter import lint

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
START = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)
END = START + timedelta(minutes=45)
SNAPSHOTS = Path(__file__).parent.parent / "mail_snapshots"
SECRET = "SECRET-LABEL"


@pytest.fixture
def booked(services):
    """Ana's practice run before her talk, with her words, one hidden point and an open promise from before."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="https://meet.example.org/ben")
        talk = cast.talk(session, NOW, pair)
        agenda = (
            AgendaDraft(key="practice.run", minutes=15),
            AgendaDraft(text="The Q&A, which scares me: <b>", minutes=10),
            AgendaDraft(text="HIDDEN-POINT", minutes=5, hidden=True),
        )
        wanted = BookingInput(
            start=START, by_id=pair.mentee_id, ask="Be sure of my opening.\nAnd breathe.", agenda=agenda
        )
        return booking.book(session, NOW, AGE, SlotQuery(pair.id, "practice", talk.id), wanted).id


def rows(services, kind):
    with services.database.read() as session:
        wanted = select(OutboxRow).where(OutboxRow.kind == kind, OutboxRow.state == "pending").order_by(OutboxRow.id)
        return list(session.scalars(wanted))


def send(services, kind, now):
    """Renders and marks as sent every row of the kind: {first name: message}."""
    found = {}
    for each in rows(services, kind):
        with services.database.write() as session:
            row = session.get(OutboxRow, each.id)
            octets = outgoing.render(session, now, services.settings, row)
            row.state = "cancelled" if octets is None else "sent"
            if octets is not None:
                problems = lint(octets)
                assert problems == []
                name = session.get(cast.Person, row.person_id).first_name
                found[name] = BytesParser(policy=policy.default).parsebytes(octets)
    return found


def text_of(message):
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def everything(message):
    """Headers and every decoded part, calendar included."""
    parts = [str(message.items())]
    for part in message.walk():
        if not part.is_multipart():
            parts.append(part.get_payload(decode=True).decode())
    return "\n".join(parts).replace("\r\n ", "")


def same_as_snapshot(name, message):
    """The wording is reviewed: a change shows up as a changed file."""
    told = f"From: {message['From']}\nTo: {message['To']}\nSubject: {message['Subject']}\n\n{text_of(message)}"
    told = re.sub(r"/([a-z]+)/[A-Za-z0-9_-]{32}", r"/\1/TOKEN", told)
    path = SNAPSHOTS / f"{name}.txt"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(told, encoding="utf-8")
        pytest.fail(f"{path.name} was not there and has been written: read it, then run again")
    assert told == path.read_text(encoding="utf-8")


def change(services, meeting_id, action):
    with services.database.write() as session:
        action(session, session.get(Meeting, meeting_id))


def test_the_invitation_in_each_readers_words_and_zone(services, booked):
    mails = send(services, "invitation", NOW)
    for name, message in mails.items():
        same_as_snapshot(f"invitation-{name.lower()}", message)
        assert SECRET not in everything(message)
        calendar = next(part for part in message.walk() if part.get_content_type() == "text/calendar")
        ics = calendar.get_payload(decode=True).decode().replace("\r\n ", "")
        assert "HIDDEN-POINT" not in ics
        assert "breathe" not in ics
        assert "SUMMARY:Meeting: Ana & Ben" in ics
        assert "/i/" in ics
        assert "/m/" not in ics
    assert "Be sure of my opening" in text_of(mails["Ben"])
    assert "Be sure of my opening" not in text_of(mails["Ana"])
    assert "Booked" in text_of(mails["Ben"])


def test_s07_one_renderer_says_both_times_everywhere(services, booked):
    mails = send(services, "invitation", NOW)
    mails_later = []
    with services.database.write() as session:
        meeting = session.get(Meeting, booked)
        meeting.ask = None
        meeting.agenda_touched_at = None
        for kind, person in (("agenda-ask", "mentee_id"), ("reminder", "mentee_id"), ("brief", "mentor_id")):
            followup.queue_about(session, NOW, meeting, kind, getattr(meeting.pair, person))
    for kind in ("agenda-ask", "reminder", "brief"):
        mails_later += send(services, kind, START - timedelta(hours=24)).items()
    for name, message in [*mails.items(), *mails_later]:
        mine, theirs = (
            ("15:00–15:45 (Lisbon", "10:00 for Ben in New York")
            if name == "Ana"
            else ("10:00–10:45 (New York", "15:00 for Ana in Lisbon")
        )
        for body in (text_of(message), message.get_body(("html",)).get_content()):
            assert mine in body
            assert theirs in body


def test_the_brief_begins_with_the_mentees_words_and_has_no_secret(services, booked):
    send(services, "invitation", NOW)
    change(services, booked, lambda s, m: followup.queue_about(s, NOW, m, "brief", m.pair.mentor_id))
    brief = send(services, "brief", START - timedelta(hours=24))["Ben"]
    same_as_snapshot("brief", brief)
    assert brief["Reply-To"] == "ana@example.org"
    assert brief["Auto-Submitted"] == "auto-generated"
    assert SECRET not in everything(brief)
    assert "reminder" not in everything(brief).lower()


def test_an_ask_that_is_answered_meanwhile_is_not_sent(services, booked):
    change(services, booked, lambda s, m: followup.queue_about(s, NOW, m, "agenda-ask", m.pair.mentee_id))
    assert send(services, "agenda-ask", START - timedelta(hours=72)) == {}


def test_a_move_says_so_and_threads(services, booked):
    first = send(services, "invitation", NOW)
    later = START + timedelta(days=3, hours=-1)
    change(services, booked, lambda s, m: booking.reschedule(s, NOW, AGE, m, later, m.pair.mentor_id, reason="A clash"))
    moved = send(services, "invitation", NOW)
    same_as_snapshot("moved-ana", moved["Ana"])
    assert moved["Ana"]["References"] == first["Ana"]["Message-ID"]
    assert moved["Ana"]["Message-ID"] != first["Ana"]["Message-ID"]
    assert str(moved["Ana"]["From"]).startswith("Ben Okafor via Women in Physics")
    assert "SEQUENCE:1" in everything(moved["Ana"])


def test_a_cancellation_and_a_decline(services, booked):
    send(services, "invitation", NOW)
    change(services, booked, lambda s, m: booking.decline(s, NOW, m, m.pair.mentor_id))
    declined = send(services, "declined", NOW)
    same_as_snapshot("declined-ana", declined["Ana"])
    same_as_snapshot("declined-ben", declined["Ben"])
    for message in declined.values():
        ics = everything(message)
        assert "METHOD:CANCEL" in ics
        assert "SEQUENCE:1" in ics
        assert "/s/" in text_of(message)


def test_the_followup_and_the_list(services, booked):
    send(services, "invitation", NOW)
    change(services, booked, lambda s, m: followup.agree(s, START, m, m.pair.mentor_id, "Read the piece on openings"))
    with services.database.write() as session:
        followup.run_due(session, END + timedelta(hours=1))
    asked = send(services, "followup", END + timedelta(hours=1))["Ana"]
    same_as_snapshot("followup", asked)
    change(
        services,
        booked,
        lambda s, m: followup.submit_followup(
            s, END + timedelta(hours=2), m, m.pair.mentee_id, happened=True,
            lines=(Line(None, "Send the slides", m.pair.mentee_id),), reflection="PRIVATE-THOUGHT",
        ),
    )  # fmt: skip
    with services.database.write() as session:
        followup.run_due(session, END + timedelta(hours=24))
    shared = send(services, "list", END + timedelta(hours=24))["Ben"]
    same_as_snapshot("list", shared)
    assert "PRIVATE-THOUGHT" not in everything(shared)
    assert SECRET not in everything(shared)


def test_the_other_kinds(services, booked):
    send(services, "invitation", NOW)
    later = END + timedelta(hours=2)
    with services.database.write() as session:
        pair = session.get(Meeting, booked).pair
        people.queue_links_mail(session, NOW, "Ana@Example.org ")
        people.queue_welcome(session, NOW, pair)
        arcs.drop_date(session, NOW, session.get(arcs.CriticalDate, 1))
        connection = cast.broken_calendar(session, NOW, pair.mentor_id)
        connection.failed_at, connection.fault = NOW, "unauthorized"
        calendars.outbox.add(session, NOW, "calendar-broken", pair.mentor_id, dedup="c", connection_id=connection.id)
    for kind in ("links", "welcome", "date-moved", "calendar-broken"):
        for name, message in send(services, kind, NOW).items():
            same_as_snapshot(f"{kind}-{name.lower()}", message)
            assert SECRET not in everything(message)
    with services.database.write() as session:
        followup.run_due(session, END)
        meeting = session.get(Meeting, booked)
        followup.submit_followup(session, later, meeting, meeting.pair.mentee_id, happened=False)
    same_as_snapshot("not-happened", send(services, "not-happened", later)["Ben"])


def test_the_first_mail_ever_says_who_we_are_once(services, booked):
    first = text_of(send(services, "invitation", NOW)["Ben"])
    assert "This is Women in Physics" in first
    assert "No thank you" in first
    change(services, booked, lambda s, m: followup.queue_about(s, NOW, m, "brief", m.pair.mentor_id))
    assert "This is Women in Physics" not in text_of(send(services, "brief", START - timedelta(hours=24))["Ben"])


def test_whoever_wants_no_mail_gets_what_somebody_did_and_nothing_else(services, booked):
    with services.database.write() as session:
        meeting = session.get(Meeting, booked)
        meeting.pair.mentor.mails = "none"
        followup.queue_about(session, NOW, meeting, "brief", meeting.pair.mentor_id)
    assert set(send(services, "invitation", NOW)) == {"Ana", "Ben"}
    assert send(services, "brief", START - timedelta(hours=24)) == {}


def test_s16_a_stale_invitation_is_not_sent(services, booked):
    with services.database.write() as session:
        session.get(Meeting, booked).sequence = 5
    assert send(services, "invitation", NOW) == {}
