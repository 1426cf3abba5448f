"""The same people, with mails that come in any order, twice, late or forged, a calendar that changes, and workers that
die between any two commits: on each database no meeting is booked twice or told in two ways, and no mail is lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from icalendar import Calendar
from sqlalchemy import select

from service.domain.answering import request_in
from service.domain.busy import OwnEvent
from service.domain.interval import Interval
from service.links import link_for
from service.operations import booking, changes, inbound, outgoing
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.ports import BusyReading, CalendarRef, SyncMark
from service.store.tables import (
    Attendance,
    Claim,
    Connection,
    Inbound,
    Meeting,
    OutboxRow,
    Person,
    Proposal,
)
from service.web import create_app
from tests import accounts, cast
from tests.mortal import Died, MortalMailer
from tests.test_machine import AGE, MONDAY, SOAK, STARTS, WHICH, WHO, Life
from workers import clock
from workers import events as writer
from workers.deliver import drain

NOISE = [path.read_bytes() for path in sorted((Path(__file__).parent / "mail").glob("*.eml"))]
STRANGER = "mallory@example.net"
PARTSTAT = st.sampled_from(["ACCEPTED", "TENTATIVE", "DECLINED"])
WORDS = st.sampled_from(["Could we also talk about the Q&A part?", "done, read it", "stuck", "Thanks!", "stop"])
STEPS = st.sampled_from(["connect", "offer", "refused", "deliver", "after", "lost"])

DIES = st.sampled_from([False, False, False, True])


def one_of(given, which):
    """One of them, in a list, or none where there are none."""
    return [given[which % len(given)]] if given else []


def answer_to(mail, method, partstat, now, start=None, sender=None, attendee=None):
    """As a mail program would write it, once for each of its arguments."""
    asked = Calendar.from_ical(request_in(mail.octets)).walk("VEVENT")[0]
    starts = start or asked.decoded("dtstart")
    lines = (
        f"From: {sender or mail.recipient}", f"Message-ID: <{now.timestamp()}-{partstat}@example.org>",
        f"Content-Type: text/calendar; method={method}", "", "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x",
        f"METHOD:{method}", "BEGIN:VEVENT", f"UID:{asked['uid']}", f"SEQUENCE:{asked['sequence']}",
        f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}", f"DTSTART:{starts:%Y%m%dT%H%M%SZ}", "DURATION:PT30M",
        f"ATTENDEE;PARTSTAT={partstat}:mailto:{attendee or mail.recipient}", "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


class Outside(Life):
    """Ana has a calendar that we write into; Ben and Eve answer by mail. Both pairs have been invited once.
    `post` has what is on its way to us."""

    @initialize()
    def begin(self):
        super().begin()
        self.services = replace(self.services, mailer=MortalMailer())
        self.client, self.clicks = create_app(self.services).test_client(), 0
        self.post, self.stored = [], set()
        with self.services.database.write() as session:
            people = session.scalars(select(Person)).all()
            accounts.let_in(session, self.now, people)
            ana = next(each for each in people if each.first_name == "Ana")
            made = Connection(person_id=ana.id, provider="google", url="ana", access="write", created_at=self.now)
            session.add(made)
            session.flush()
            self.connection_id = made.id
        for which, start in enumerate((MONDAY, MONDAY + timedelta(days=1))):
            self.book(which, start, 30)
        self.send()

    def teardown(self):
        try:
            if hasattr(self, "connection_id"):
                self.come_to_an_end()
        finally:
            super().teardown()

    def facts(self):
        with self.services.database.read() as session:
            tables = (Meeting, Attendance, OutboxRow, Claim, Proposal, Inbound)
            return [session.execute(select(each.__table__)).all() for each in tables]

    def write(self, dies, action):
        """What a worker does in one transaction. One that dies before its commit has done nothing."""
        if not dies:
            with self.services.database.write() as session:
                return action(session)
        before = self.facts()
        with suppress(Died), self.services.database.write() as session:
            action(session)
            session.flush()
            raise Died
        assert self.facts() == before
        return None

    # -- mail that comes in

    @rule(which=WHICH, partstat=PARTSTAT, start=st.none() | STARTS)
    def answer(self, which, partstat, start):
        """An answer to any invitation, or another time; it is written now and comes whenever it comes."""
        for mail in one_of(self.invitations(), which):
            method = "REPLY" if start is None else "COUNTER"
            self.post.append(answer_to(mail, method, partstat, self.now, start))

    @rule(which=WHICH, words=WORDS)
    def writes(self, which, words):
        for mail in one_of(self.services.mailer.sent[::-1], which):
            named = BytesHeaderParser().parsebytes(mail.octets)["Message-ID"]
            head = f"From: {mail.recipient}\r\nMessage-ID: <w{len(self.post)}@example.org>\r\nIn-Reply-To: {named}"
            self.post.append(f"{head}\r\n\r\n{words}\r\n".encode())

    @rule(which=WHICH, partstat=PARTSTAT, whose=st.booleans(), noise=st.none() | st.sampled_from(NOISE))
    def is_forged(self, which, partstat, whose, noise):
        """By somebody else in the attendee's name or their own; or what else lies in mailboxes."""
        if noise is not None:
            self.post.append(noise)
        for mail in one_of(self.invitations(), which):
            attendee = mail.recipient if whose else STRANGER
            self.post.append(answer_to(mail, "REPLY", partstat, self.now, None, STRANGER, attendee))

    @rule(which=st.integers(0, 20), again=st.booleans(), dies=DIES)
    def arrives(self, which, again, dies):
        for raw in one_of(self.post, which):
            stored = self.write(dies, lambda session, raw=raw: inbound.receive(session, self.now, raw))
            if stored is not None:
                self.stored.add(raw)
                if not again:
                    self.post.remove(raw)

    @rule(which=st.integers(0, 20), dies=DIES)
    def is_decided(self, which, dies):
        with self.services.database.read() as session:
            waiting = inbound.waiting(session, 100)
        for inbound_id in one_of(waiting, which):
            self.decide(inbound_id, dies)

    def decide(self, inbound_id, dies=False):
        with self.services.database.read() as session:
            raw = session.get(Inbound, inbound_id).raw
        before = self.facts()[:-1]
        self.write(dies, lambda session: inbound.decide(session, self.now, AGE, inbound_id))
        if raw in NOISE or STRANGER.encode() in raw:
            assert self.facts()[:-1] == before

    def invitations(self):
        return [mail for mail in reversed(self.services.mailer.sent) if b'method="REQUEST"' in mail.octets]

    # -- mail that leaves

    @rule(step=STEPS, after=st.integers(0, 2))
    def send_and_die(self, step, after):
        self.services.mailer.at = (step, after)
        with suppress(Died):
            drain(self.services)
        self.services.mailer.at = None
        self.check_sent()

    # -- pages

    @rule(which=WHICH, who=WHO, what=st.sampled_from(["accept", "decline", "cancel"]))
    def click(self, which, who, what):
        with self.services.database.write() as session:
            meeting = self.meeting(session, which)
            if meeting is None:
                return
            about = {"pair_id": meeting.pair_id, "meeting_id": meeting.id}
            token = link_for(session, self.now, "meeting", getattr(meeting.pair, f"{who}_id"), **about).token
        self.clicks += 1  # each from elsewhere: how often one address may is not what is tried here
        said = self.client.post(f"/m/{token}/{what}", environ_base={"REMOTE_ADDR": f"127.1.0.{self.clicks}"})
        assert said.status_code < 500

    @rule(which=WHICH)
    def look(self, which):
        with self.services.database.read() as session:
            meeting = self.meeting(session, which)
        if meeting is not None:
            accounts.told_alike(self.services, self.client, meeting.id)

    # -- the calendar

    @rule(start=STARTS)
    def book_from_calendar(self, start):
        """Ana's calendar invites Ben."""

        def action(session):
            pair = session.get(cast.Pair, self.pairs[0])
            wanted = BookingInput(start=start, by_id=pair.mentee_id, invite_by="calendar")
            booking.book(session, self.now, AGE, SlotQuery(pair.id, "check-in", minutes=30), wanted)

        self.change(action)

    @property
    def calendar(self):
        return self.services.writers("google", "ana", self.connection_id)

    @rule(which=WHICH, start=st.none() | STARTS, answer=PARTSTAT)
    def changes_there(self, which, start, answer):
        """She moves or deletes an event, or its guests answer in it."""
        keys = [key for key in self.calendar.events if key not in self.calendar.deleted]
        self.calendar.answer = answer
        if which < len(keys) and start is not None:
            event = self.calendar.events[keys[which]]
            length = event.interval.end - event.interval.start
            self.calendar.events[keys[which]] = replace(event, interval=Interval.lasting(start, length))
        elif which < len(keys):
            self.calendar.deleted.add(keys[which])

    @rule(vanished=st.booleans())
    def is_read(self, vanished):
        """An empty calendar, or one with what stands there."""
        own = () if vanished else tuple(
            OwnEvent(f"{key}@provider", event.interval, False, None)
            for key, event in self.calendar.events.items() if key not in self.calendar.deleted
        )  # fmt: skip
        reading = BusyReading((), own, partial=False, mark=SyncMark())
        with self.services.database.write() as session:
            changes.notice(session, self.now, self.connection_id, [(CalendarRef("main", "Work", True), reading)])

    @rule(end=st.sampled_from(["", "dies", "lost"]))
    def is_written(self, end):
        """The writers' turn; one dies before it asks, or its answer is lost."""
        self.calendar.fault, self.calendar.lost = Died() if end == "dies" else None, end == "lost"
        self.services.jobs.asked.clear()
        with suppress(Died):
            while clock.write_due(self.services):
                asked = [each for kind, ids in self.services.jobs.asked if kind == "write_events" for each in ids]
                self.services.jobs.asked.clear()
                for write_id in asked:
                    writer.write(self.services, write_id)
        self.calendar.fault, self.calendar.lost = None, False

    # -- the end

    def come_to_an_end(self):
        """All that is on its way comes, whoever died is followed by somebody else; then everything is told alike, every
        mail is accounted for, and what still waits to leave is so."""
        for raw in self.post:
            self.stored.add(raw)
            self.write(False, lambda session, raw=raw: inbound.receive(session, self.now, raw))
        with self.services.database.read() as session:
            waiting = inbound.waiting(session, 1000)
        for inbound_id in waiting:
            self.decide(inbound_id)
        for _ in range(2):
            self.time_passes(1)
            self.is_written("")
            self.send()
        with self.services.database.read() as session:
            ids = session.scalars(select(Meeting.id).order_by(Meeting.id.desc()).limit(6)).all()
            for row in session.scalars(select(OutboxRow).where(OutboxRow.state == "pending")):
                for mail in outgoing.render(session, self.now, self.services.settings, [row])[0]:
                    self.check_mail(session, mail)
        for meeting_id in ids:
            accounts.told_alike(self.services, self.client, meeting_id)
        accounts.accounted_for(self.services, len(self.stored))

    def check_mail(self, session, mail):
        named = BytesHeaderParser().parsebytes(mail.octets)["Message-ID"][1:].partition("@")[0]
        row = session.scalars(select(OutboxRow).where(OutboxRow.message_id == named)).one()
        if row.meeting_id is not None or row.kind == "proposed":
            super().check_mail(session, mail)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_people_mails_and_calendars_in_any_order(kind, request):
    server = request.getfixturevalue("postgres") if kind == "postgresql" else None
    few, many = (8, 300) if server is None else (4, 150)
    run_state_machine_as_test(
        lambda: Outside(server),
        settings=settings(
            max_examples=many if SOAK else few,
            stateful_step_count=50 if SOAK else 20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
