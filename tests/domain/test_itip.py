"""Invitations as calendars read them: every duty of RFC 5545, 5546 and 6047, and how updates arrive in any order."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from icalendar.parser import Contentline

from service.domain import itip
from service.domain.interval import Interval
from service.domain.itip import Attendee, Invitation

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)
INVITATION = Invitation(
    uid="0f8b2c2e-1f0a-4f3e-9b1e-5a4a0e1c7d11",
    sequence=0,
    stamped_at=NOW,
    interval=Interval(START, START + timedelta(minutes=45)),
    summary="Meeting: Ana & Ben",
    description="15:00 in Lisbon\n\nAgenda\n- The run; twice, slowly (15 min)",
    location="https://meet.example.org/ben",
    organizer="meet@example.net",
    organizer_name="Ana Lima via Women in Physics",
    behind="ana@example.org",
    attendees=(Attendee("ana@example.org", "Ana Lima"), Attendee("ben@example.org", 'Okafor, Ben "B"')),
)
ASKED = ";CUTYPE=INDIVIDUAL;PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT;RSVP=TRUE"
TEXT = st.text(max_size=200)


def lines(octets):
    return octets.replace(b"\r\n ", b"").decode().split("\r\n")


def event_of(octets):
    [event] = Calendar.from_ical(octets).walk("VEVENT")
    return event


def test_a_request_to_the_letter():
    assert lines(itip.request(INVITATION)) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Greenroom//Meetings//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        "SUMMARY:Meeting: Ana & Ben",
        "DTSTART:20270226T150000Z",
        "DTEND:20270226T154500Z",
        "DTSTAMP:20270201T090000Z",
        "UID:0f8b2c2e-1f0a-4f3e-9b1e-5a4a0e1c7d11",
        "SEQUENCE:0",
        f'ATTENDEE;CN="Ana Lima"{ASKED}:mailto:ana@example.org',
        f"ATTENDEE;CN=\"Okafor, Ben ^'B^'\"{ASKED}:mailto:ben@example.org",
        "CLASS:PRIVATE",
        "CONFERENCE;FEATURE=AUDIO,VIDEO;VALUE=URI:https://meet.example.org/ben",
        "DESCRIPTION:15:00 in Lisbon\\n\\nAgenda\\n- The run\\; twice\\, slowly (15 min)",
        "LOCATION:https://meet.example.org/ben",
        'ORGANIZER;CN="Ana Lima via Women in Physics";EMAIL=ana@example.org:mailto:meet@example.net',
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_a_cancellation_carries_what_a_store_needs_and_no_alarm():
    octets = itip.cancel(replace(INVITATION, sequence=3, description=""))
    event = event_of(octets)
    assert Calendar.from_ical(octets)["METHOD"] == "CANCEL"
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 3)
    assert {str(one) for one in event["ATTENDEE"]} == {"mailto:ana@example.org", "mailto:ben@example.org"}
    assert event.decoded("DTSTART") == START
    assert "DESCRIPTION" not in event
    assert not event.walk("VALARM")


def test_what_is_published_names_nobody_but_the_organizer():
    octets = itip.publish(INVITATION)
    assert b"METHOD:PUBLISH" in octets
    assert "ATTENDEE" not in event_of(octets)


@pytest.mark.parametrize(
    ("place", "link"),
    [
        ("Room 5, left", None),
        (None, None),
        ("Our room: https://meet.example.org/x?a=1 (ring twice)", "https://meet.example.org/x?a=1"),
        ("http://meet.example.org/ben", "http://meet.example.org/ben"),
        ("javascript:alert(1)", None),
    ],
)
def test_a_place_with_a_link_is_a_conference_too(place, link):
    event = event_of(itip.request(replace(INVITATION, location=place)))
    assert event.get("CONFERENCE") == link
    assert event.get("LOCATION") == place


@given(st.text("aé€😀,; ", max_size=300))  # it parts typed \\ and ^ from what escapes them (icalendar 7.3)
def test_a_long_line_is_folded_as_the_library_folds_it(text):
    octets = itip.request(replace(INVITATION, description=text, organizer_name=f"A{text}"))
    for line in lines(octets)[:-1]:
        kept = Contentline(line).to_ical() if len(line.encode()) > 75 else line.encode()
        assert kept + b"\r\n" in octets


@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("typed", ["\\", "\\;", "\\\n", ";"])
def test_a_fold_leaves_every_escape_in_one_piece(before, typed):
    octets = itip.request(replace(INVITATION, description="a" * before + typed * 150))
    for line in octets.split(b"\r\n"):
        assert (len(line) - len(line.rstrip(b"\\"))) % 2 == 0


@given(summary=TEXT, description=TEXT, name=TEXT.filter(str.strip), location=TEXT)
def test_whatever_people_type_comes_back_and_breaks_nothing(summary, description, name, location):
    octets = itip.request(
        replace(
            INVITATION,
            summary=summary,
            description=description,
            location=location or None,
            organizer_name=name,
            attendees=(Attendee("ana@example.org", name), *INVITATION.attendees[1:]),
        )
    )
    assert all(len(line) <= 75 for line in octets.split(b"\r\n"))
    for line in octets.split(b"\r\n"):
        line.decode()  # no fold inside a character
    assert not re.search(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n)", octets)
    event = event_of(octets)
    assert str(event["SUMMARY"]) == itip.plain(summary)
    assert str(event.get("DESCRIPTION", "")) == itip.plain(description)
    assert len(event["ATTENDEE"]) == 2
    assert str(event["UID"]) == INVITATION.uid


@pytest.mark.parametrize(
    "text", ["ليلى ועוד \u202ertl\u202c", "🎤👩🏽‍🔬" * 40, "Ōta ½ – “quoted”", r"C:\New\notes; \, \n \\N"]
)
def test_every_script_survives(text):
    assert event_of(itip.request(replace(INVITATION, summary=text)))["SUMMARY"] == text


class Client:
    """A calendar program as RFC 5546 2.1.5 wants it: the higher SEQUENCE wins, then the newer DTSTAMP."""

    def __init__(self):
        self.events = {}
        self.seen = {}

    def receive(self, octets):
        calendar, event = Calendar.from_ical(octets), event_of(octets)
        uid, version = str(event["UID"]), (int(event["SEQUENCE"]), event.decoded("DTSTAMP"))
        if uid in self.seen and version <= self.seen[uid]:
            return
        self.seen[uid] = version
        if calendar["METHOD"] == "CANCEL":
            self.events.pop(uid, None)
        else:
            self.events[uid] = event.decoded("DTSTART")


def four_mails():
    """Booked, moved, moved again, cancelled."""
    made = []
    for sequence in range(4):
        start = START + timedelta(days=min(sequence, 2))
        invitation = replace(
            INVITATION,
            sequence=sequence,
            stamped_at=NOW + timedelta(hours=sequence),
            interval=Interval(start, start + timedelta(minutes=45)),
        )
        made.append((itip.cancel if sequence == 3 else itip.request)(invitation))
    return made


def test_s12_four_ics_in_order():
    client, moments = Client(), []
    for octets in four_mails():
        client.receive(octets)
        moments.append(list(client.events.values()))
    assert moments == [[START], [START + timedelta(days=1)], [START + timedelta(days=2)], []]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_s12_out_of_order_converges(order):
    client = Client()
    for at in order:
        client.receive(four_mails()[at])
    assert client.events == {}


def test_an_agenda_edit_is_newer_without_asking_again():
    first = itip.request(INVITATION)
    again = itip.request(replace(INVITATION, stamped_at=NOW + timedelta(seconds=1), description="Other points"))
    assert event_of(first)["SEQUENCE"] == event_of(again)["SEQUENCE"]
    assert event_of(first).decoded("DTSTAMP") < event_of(again).decoded("DTSTAMP")
