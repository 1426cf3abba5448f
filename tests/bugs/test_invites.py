"""What went wrong with invitations elsewhere, one test for each bug: seen in the mails that a real server took from us,
in the feed, and in what an answer does. Named by the project and number where it was reported."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from icalendar import Calendar

from integrations.smtp_mail import SmtpMailer
from service.domain.answering import make_reply
from service.domain.reply import address_of
from service.messages import mime
from service.messages.letter import Button, Letter, Says
from service.messages.mime import Attachment, Headers, compose
from service.operations import booking, inbound
from service.operations.booking import BookingInput
from service.operations.meetings import attendance_of
from service.operations.offering import SlotQuery
from service.operations.proposing import open_proposals
from service.store.tables import Inbound, Meeting
from service.web import create_app
from tests import cast, smtp
from tests.mail_linter import lint
from tests.web.walk import link
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
HALF = timedelta(minutes=30)
MAILS = Path(__file__).parents[1] / "mail"
UID = "7f0c2f5e-3b1d-4c39-9d2e-0a4b5c6d7e8f"  # as in MAILS
LONG = "Gespräch über Ängste 🎤🎤🎤 und Fragen " * 3


class Life:
    """Ana's meeting with Ben, and what went out about it."""

    def __init__(self, services, place="Room 5"):
        self.services = services
        with services.database.write() as session:
            pair = cast.pair(session, NOW, place=place)
            pair.mentee.name = "Ána 🎤 Lima, née O'Neil"
            wanted = BookingInput(start=START, by_id=pair.mentee_id)
            self.id = booking.book(session, NOW, AGE, SlotQuery(pair.id, "check-in"), wanted).id
        self.deliver()

    def deliver(self):
        self.services.clock.advance(minutes=1)
        drain(self.services)

    def change(self, what, *arguments, **more):
        with self.services.database.write() as session:
            meeting = session.get(Meeting, self.id)
            what(session, self.services.clock(), *arguments, meeting=meeting, by_id=meeting.pair.mentee_id, **more)
        self.deliver()

    def move(self):
        self.change(booking.reschedule, AGE, start=START + HALF)

    def cancel(self):
        self.change(booking.cancel)

    def taken(self):
        return [(mail.recipient, mail.octets) for mail in self.services.mailer.sent]

    def sent(self, to="ben@example.org"):
        """The invitations and cancellations to this person, in order."""
        mails = [message_from_bytes(raw, policy=policy.default) for address, raw in self.taken() if address == to]
        return [mail for mail in mails if parts(mail)]

    def arrives(self, raw):
        """What became of a mail that came in: (state, verdict), and the meeting's phase, SEQUENCE and answers."""
        with self.services.database.write() as session:
            row_id = inbound.receive(session, self.services.clock(), raw)
            inbound.decide(session, self.services.clock(), AGE, row_id)
            row, meeting = session.get(Inbound, row_id), session.get(Meeting, self.id)
            answers = attendance_of(session, meeting)
            return (row.state, row.verdict), meeting.phase, meeting.sequence, answers[meeting.pair.mentor_id]

    def feed(self):
        with self.services.database.read() as session:
            ben_id = session.get(Meeting, self.id).pair.mentor_id
        client = create_app(self.services).test_client()
        return client.get(f"/feeds/{link(self.services, 'feed', ben_id)}.ics").data

    def as_in_the_mails(self):
        """The UID and SEQUENCE of tests/mail."""
        self.move()
        with self.services.database.write() as session:
            session.get(Meeting, self.id).uid = UID


@pytest.fixture
def life(services):
    return Life(services)


def parts(mail):
    """Of the calendar: the part with buttons, and the file."""
    return [each for each in mail.walk() if each.get_content_type() in {"text/calendar", "application/ics"}]


def octets(mail):
    return parts(mail)[0].get_payload(decode=True)


def event(mail):
    (found,) = Calendar.from_ical(octets(mail)).walk("VEVENT")
    return found


def methods(mail):
    """What the part's header says, and what each copy says itself."""
    return {parts(mail)[0].get_param("method"), *(str(Calendar.from_ical(_of(part))["method"]) for part in parts(mail))}


def _of(part):
    return part.get_payload(decode=True)


def test_bug_01_calcom_29706_a_cancellation_is_a_cancel_in_both_copies(life):
    life.cancel()
    invited, cancelled = life.sent()
    assert (methods(invited), methods(cancelled)) == ({"REQUEST"}, {"CANCEL"})
    assert event(cancelled)["status"] == "CANCELLED"


def test_bug_02_calcom_8010_12122_16816_one_uid_in_mail_feed_and_calendar(life):
    life.move()
    life.cancel()
    uids = {str(event(mail)["uid"]) for mail in [*life.sent(), *life.sent("ana@example.org")]}
    with life.services.database.read() as session:
        assert uids == {session.get(Meeting, life.id).uid}
    assert {str(each["uid"]) for each in Calendar.from_ical(life.feed()).walk("VEVENT")} == uids


def test_bug_03_couchers_8557_8646_a_cancel_is_whole_and_counts_once(life):
    life.cancel()
    told = octets(life.sent()[-1])
    assert {"ORGANIZER", "ATTENDEE", "DTSTART", "DTSTAMP", "UID"} <= set(event(life.sent()[-1]))
    assert told.index(b"METHOD:") < told.index(b"BEGIN:VEVENT")
    assert re.findall(rb"\r\nSEQUENCE:(\d+)\r\n", told) == [b"1"]


def test_bug_04_nextcloud_1280_an_update_is_newer_in_sequence_and_dtstamp(life):
    life.move()
    life.cancel()
    order = [(event(mail)["sequence"], event(mail)["dtstamp"].dt) for mail in life.sent()]
    assert [sequence for sequence, _ in order] == [0, 1, 2]
    assert len({stamp for _, stamp in order}) == 3
    assert order == sorted(order)


def test_bug_05_appointment_773_each_calendar_part_says_its_method(life):
    calendars = [part for part in parts(life.sent()[0]) if part.get_content_type() == "text/calendar"]
    assert [part.get_param("method") for part in calendars] == ["REQUEST"]


def test_bug_06_indico_5178_7121_answers_go_to_a_mailbox_that_is_read(life):
    (asked,) = life.sent()
    organizer = address_of(event(asked)["organizer"])
    assert organizer == asked["From"].addresses[0].addr_spec
    assert not re.match("no-?reply", organizer)
    answer = make_reply(octets(asked), "ben@example.org", "DECLINED", life.services.clock())
    assert message_from_bytes(answer)["To"] == organizer
    assert life.arrives(answer)[:2] == (("applied", "declined"), "cancelled")


def test_bug_07_phpmailer_1780_swiftmailer_901_the_header_is_taken_from_the_calendar(life):
    life.move()
    life.cancel()
    assert [methods(mail) for mail in life.sent()] == [{"REQUEST"}, {"REQUEST"}, {"CANCEL"}]


@pytest.mark.parametrize("name", ["exchange-accept", "exchange-decline"])
def test_bug_08_nextcloud_53949_58904_an_answer_without_organizer_counts(life, name):
    life.as_in_the_mails()
    raw = (MAILS / f"{name}.eml").read_bytes()
    payload = next(part for part in message_from_bytes(raw).walk() if part.get_content_type() == "text/calendar")
    assert b"ORGANIZER" not in payload.get_payload(decode=True)
    assert life.arrives(raw)[0][0] == "applied"


def test_bug_09_nextcloud_21189_everybody_is_asked_for_an_answer(life):
    invited = event(life.sent()[0])["attendee"]
    assert {address_of(who) for who in invited} == {"ana@example.org", "ben@example.org"}
    assert [(who.params["RSVP"], who.params["PARTSTAT"]) for who in invited] == [("TRUE", "NEEDS-ACTION")] * 2


def alternative(mail):
    (inner,) = (part for part in mail.walk() if part.get_content_type() == "multipart/alternative")
    return [part.get_content_type() for part in inner.iter_parts()]


def test_bug_10_nextcloud_12885_the_calendar_stands_beside_the_text_and_not_only_as_a_file(life):
    (asked,) = life.sent()
    assert alternative(asked) == ["text/plain", "text/html", "text/calendar"]
    assert parts(asked)[0]["Content-Disposition"] is None
    assert parts(asked)[1].get_filename() == "invite.ics"


def test_bug_11_nodemailer_1206_phpmailer_2315_another_file_takes_the_place_of_nothing(life):
    (asked,) = life.sent()
    more = Button("More", "http://127.0.0.1/p/x")
    letter = Letter("A meeting", "It is on", (Says("It is on."),), None, (), ("Greenroom",), more)
    headers = Headers("Greenroom", "meet@example.org", "Ben", "ben@example.org", "<1@example.org>", NOW)
    pdf = Attachment("agreement.pdf", "application/pdf", b"%PDF-1.7")
    raw = compose(letter, headers, "en", mime.Calendar("REQUEST", octets(asked)), (pdf,))
    mail = message_from_bytes(raw, policy=policy.default)
    assert alternative(mail) == ["text/plain", "text/html", "text/calendar"]
    files = [part.get_filename() for part in mail.iter_parts()]
    assert files == [None, "invite.ics", "agreement.pdf"]


def test_bug_12_ical_generator_680_no_zone_that_the_file_does_not_explain(life):
    life.move()
    for told in [*map(octets, life.sent()), life.feed()]:
        assert b"TZID" not in told
        assert re.findall(rb"\r\nDT(?:START|END|STAMP)[:;]([^\r]*)", told)
        assert all(re.fullmatch(rb"\d{8}T\d{6}Z", at) for at in re.findall(rb"\r\nDT[A-Z]+[:;]([^\r]*)", told))


def test_bug_13_nextcloud_4429_no_list_of_changes_of_the_clock(life):
    for told in (octets(life.sent()[0]), life.feed()):
        assert b"RDATE" not in told
        assert b"VTIMEZONE" not in told


def test_bug_14_ical_generator_221_no_line_is_cut_within_a_letter(services):
    life = Life(services, place=LONG)
    for told in (octets(life.sent()[0]), life.feed()):
        lines = told.split(b"\r\n")
        assert max(map(len, lines)) <= 75
        assert all(line.decode() is not None for line in lines)  # raises for half a letter
    assert event(life.sent()[0])["location"] == LONG


def test_bug_15_icalendar_255_every_line_ends_once(life):
    for to in ("ana@example.org", "ben@example.org"):
        told = octets(life.sent(to)[0])
        assert re.findall(rb"\r\r|(?<!\r)\n|\r(?!\n)", told) == []
    raw = next(raw for address, raw in life.taken() if address == "ben@example.org")
    encoded = re.search(rb"text/calendar[^\0]*?base64\r\n\r\n([A-Za-z0-9+/=\r\n]+)", raw)[1]
    assert b64decode(encoded) == octets(life.sent()[0])


def test_bug_16_tine20_4642_whoever_acts_is_named_in_quotes_or_not_at_all(life):
    told = octets(life.sent()[0]).replace(b"\r\n ", b"")
    assert re.findall(rb"SENT-BY=(?!\"mailto:)", told) == []
    organizer = re.search(rb"\r\nORGANIZER[^\r]*", told)[0].decode()
    assert organizer.endswith(f":mailto:{address_of(event(life.sent()[0])['organizer'])}")
    assert re.search(r'CN="[^"]*, [^"]*"', organizer)  # a comma ends a name that is not in quotes


def test_bug_17_sendgrid_907_nobody_is_asked_as_the_organizer(life):
    for to in ("ana@example.org", "ben@example.org"):
        for mail in life.sent(to):
            assert address_of(event(mail)["organizer"]) not in {address_of(who) for who in event(mail)["attendee"]}


def test_bug_18_ical_260_an_address_has_a_plain_at(life):
    told = octets(life.sent()[0]).replace(b"\r\n ", b"")
    addresses = re.findall(rb"mailto:([^\r\";]+)", told, re.IGNORECASE)
    assert len(addresses) == 3
    assert all(re.fullmatch(rb"[^@%\s]+@[^@%\s]+", address) for address in addresses)


def test_bug_19_calrs_36_a_request_without_blanks_before_its_lines(life):
    told = octets(life.sent()[0])
    assert methods(life.sent()[0]) == {"REQUEST"}
    assert told.startswith(b"BEGIN:VCALENDAR\r\n")
    assert told.endswith(b"\r\nEND:VCALENDAR\r\n")
    assert re.findall(rb"(?m)^[ \t]+(?:BEGIN|END|METHOD)\b", told) == []
    assert b"\r\n\r\n" not in told


def test_bug_20_tutanota_11148_2807_whoever_sends_is_the_organizer_and_alone_counts(life):
    (asked,) = life.sent()
    raised = re.sub(rb"SEQUENCE:0", b"SEQUENCE:7", octets(asked))
    answer = make_reply(raised, "ben@example.org", "ACCEPTED", life.services.clock())
    assert life.arrives(answer) == (("applied", "accepted"), "booked", 0, "ACCEPTED")
    life.move()
    moved = life.sent()[-1]
    assert event(moved)["sequence"] == 1
    assert address_of(event(moved)["organizer"]) == moved["From"].addresses[0].addr_spec
    fresh = make_reply(octets(moved), "ben@example.org", "DECLINED", life.services.clock())
    assert life.arrives(fresh)[0] == ("applied", "declined")


@pytest.mark.parametrize("name", ["counter-google", "counter-outlook", "counter-outlook-declined"])
def test_bug_21_nextcloud_mail_10077_another_time_is_a_proposal_however_it_is_written(life, name):
    life.as_in_the_mails()
    life.services.clock.now = datetime(2027, 2, 2, 10, 5, tzinfo=UTC)
    found, phase, _, _ = life.arrives((MAILS / f"{name}.eml").read_bytes())
    assert (found, phase) == (("applied", "proposed"), "booked")
    with life.services.database.read() as session:
        pair = session.get(Meeting, life.id).pair
        (offered,) = open_proposals(session, NOW, pair.id, life.id)
        assert [time.starts_at for time in offered.times] == [datetime(2027, 2, 9, 16, 0, tzinfo=UTC)]


def test_bug_22_resend_198_what_we_wrote_is_what_arrives(services):
    """Over SMTP here; the contract of mailers says the same of each."""
    options = {"username": None, "password": None, "security": "none", "extra_ca": None}
    with smtp.running() as (sink, port):
        mailer = SmtpMailer("127.0.0.1", port, timeout=timedelta(seconds=5), **options)
        Life(replace(services, mailer=mailer))
    assert {address for address, _ in sink.taken} == {"ana@example.org", "ben@example.org"}
    for _, raw in sink.taken:
        mail = message_from_bytes(raw, policy=policy.default)
        assert parts(mail)[0]["Content-Type"] == 'text/calendar; method="REQUEST"; charset="UTF-8"'
        assert lint(raw) == []


def test_bug_23_nextcloud_3681_owncloud_35953_no_mail_claims_to_be_from_a_person(life):
    life.cancel()
    senders = {message_from_bytes(raw, policy=policy.default)["From"].addresses[0].addr_spec for _, raw in life.taken()}
    assert senders == {life.services.settings.mail_address}


def test_bug_24_jitsi_admin_517_the_feed_keeps_its_uids(life):
    first = life.feed()
    life.services.clock.advance(hours=7)
    assert life.feed() == first
    (entry,) = Calendar.from_ical(first).walk("VEVENT")
    assert entry["uid"] == event(life.sent()[0])["uid"]


def test_bug_25_groupoffice_1096_each_meeting_is_an_event_of_its_own(life):
    with life.services.database.write() as session:
        pair = session.get(Meeting, life.id).pair
        wanted = BookingInput(start=START + timedelta(days=7), by_id=pair.mentee_id)
        booking.book(session, life.services.clock(), AGE, SlotQuery(pair.id, "check-in"), wanted)
    life.deliver()
    life.cancel()
    first, other, cancelled = map(event, life.sent())
    assert first["uid"] != other["uid"]
    assert (cancelled["uid"], cancelled["status"], cancelled["dtstart"].dt) == (first["uid"], "CANCELLED", START)
    for each in (first, other, cancelled):
        assert not {"RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"} & set(each)
