"""One meeting's life over a real mail server: the exact mails, each right in every point of the linter."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser

import pytest

from integrations.smtp_mail import SmtpMailer
from service.domain.agenda import AgendaDraft
from service.domain.answering import make_reply, request_in
from service.operations import booking, commitments, details, followup, inbound
from service.operations.booking import BookingInput
from service.operations.commitments import Line
from service.operations.meetings import attendance_of
from service.operations.offering import SlotQuery
from service.store.tables import Meeting
from tests import cast, smtp
from tests.mail_linter import lint
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
START = datetime(2027, 2, 25, 15, 0, tzinfo=UTC)
MOVED = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)
END = MOVED + timedelta(minutes=45)


@pytest.fixture
def mail():
    with smtp.running() as (sink, port):
        yield sink, port


@pytest.fixture
def world(services, mail):
    sink, port = mail
    mailer = SmtpMailer(
        "127.0.0.1", port, username=None, password=None, security="none", extra_ca=None, timeout=timedelta(seconds=5)
    )
    return World(replace(services, mailer=mailer), sink)


class World:
    """The service, the clock, and what the mail server took since the last look."""

    def __init__(self, services, sink):
        self.services, self.sink, self.seen = services, sink, 0

    def write(self, action):
        with self.services.database.write() as session:
            return action(session)

    def at(self, moment):
        """Moves the clock from due moment to due moment, sending at each; returns the mails as (subject, recipient)."""
        while True:
            with self.services.database.write() as session:
                due = followup.next_due(session)
                if due is None or due > moment:
                    break
                self.services.clock.now = max(due, self.services.clock.now)
                followup.run_due(session, self.services.clock.now)
            drain(self.services)
        self.services.clock.now = moment
        drain(self.services)
        return self.news()

    def news(self):
        fresh, self.seen = self.sink.taken[self.seen :], len(self.sink.taken)
        for _, octets in fresh:
            assert lint(octets) == []
        parsed = [BytesParser(policy=policy.default).parsebytes(octets) for _, octets in fresh]
        return Counter(
            (str(message["Subject"]), recipient) for message, (recipient, _) in zip(parsed, fresh, strict=True)
        )


ANA, BEN = "ana@example.org", "ben@example.org"


def test_s17_ten_steps_and_the_exact_mails(world):
    pair = world.write(lambda s: cast.pair(s, NOW, place="https://meet.example.org/ben"))
    talk = world.write(lambda s: cast.talk(s, NOW, s.get(cast.Pair, pair.id)))
    query = SlotQuery(pair.id, "practice", talk.id)

    def book(session):
        wanted = BookingInput(start=START, by_id=pair.mentee_id)
        return booking.book(session, NOW, AGE, query, wanted).id

    # 1 booked: one invitation each
    meeting_id = world.write(book)
    assert world.at(NOW) == {
        ("Meeting on Thu 25 Feb, 15:00", ANA): 1,
        ("Meeting on Thu 25 Feb, 10:00", BEN): 1,
    }
    # 2 accepted by the mentor's mail program: nobody is mailed
    invitation = next(octets for recipient, octets in world.sink.taken if recipient == BEN)
    reply = make_reply(request_in(invitation), BEN, "ACCEPTED", NOW)
    inbound_id = world.write(lambda s: inbound.receive(s, NOW, reply))
    assert world.write(lambda s: inbound.decide(s, NOW, AGE, inbound_id)) == "applied"
    assert world.at(NOW) == {}
    # 3 moved: one update each, answers asked anew
    moved_at = NOW + timedelta(days=1)
    world.services.clock.now = moved_at
    world.write(lambda s: booking.reschedule(s, moved_at, AGE, s.get(Meeting, meeting_id), MOVED, pair.mentee_id))
    assert world.at(moved_at) == {
        ("Changed: meeting on Fri 26 Feb, 15:00", ANA): 1,
        ("Changed: meeting on Fri 26 Feb, 10:00", BEN): 1,
    }
    assert world.write(lambda s: set(attendance_of(s, s.get(Meeting, meeting_id)).values())) == {"NEEDS-ACTION"}
    # 4 three days before: the mentee is asked, since they had not said
    assert world.at(MOVED - timedelta(hours=72)) == {("About Friday, 15:00", ANA): 1}
    # 5 the agenda is edited: nobody is mailed
    drafts = (AgendaDraft(text="The opening", minutes=20), AgendaDraft(text="Questions", minutes=25))
    before = MOVED - timedelta(hours=70)
    world.write(lambda s: details.edit_agenda(s, before, s.get(Meeting, meeting_id), pair.mentee_id, drafts))
    assert world.at(before) == {}
    # 6 the day before: the mentee's note and the mentor's brief
    assert world.at(MOVED - timedelta(hours=24)) == {("About Friday, 15:00", ANA): 1, ("About Friday, 10:00", BEN): 1}
    # 7 in the hour: something is agreed, nobody is mailed
    world.services.clock.now = MOVED + timedelta(minutes=30)
    world.write(
        lambda s: commitments.agree(
            s, world.services.clock.now, s.get(Meeting, meeting_id), pair.mentor_id, Line(None, "Shorter slides")
        )
    )
    assert world.at(MOVED + timedelta(minutes=30)) == {}
    # 8 an hour after: is this right?
    assert world.at(END + timedelta(hours=1)) == {("Your list for Friday", ANA): 1}
    # 9 the mentee answers; next morning the mentor has the list
    answered = END + timedelta(hours=2)
    world.write(
        lambda s: followup.submit_followup(
            s, answered, s.get(Meeting, meeting_id), pair.mentee_id, happened=True, lines=(Line(None, "Thank Kim"),)
        )
    )
    assert world.at(answered) == {}
    assert world.at(END + timedelta(days=1)) == {("Your list for Friday", BEN): 1}
    # 10 a second meeting, cancelled: told to both, and then silence for ever
    check_in = SlotQuery(pair.id, "check-in")
    later = datetime(2027, 3, 10, 15, 0, tzinfo=UTC)
    second = world.write(
        lambda s: (
            booking.book(s, world.services.clock.now, AGE, check_in, BookingInput(start=later, by_id=pair.mentee_id)).id
        )
    )
    assert len(world.at(world.services.clock.now)) == 2
    world.write(lambda s: booking.cancel(s, world.services.clock.now, s.get(Meeting, second), pair.mentor_id, "Ill"))
    assert world.at(world.services.clock.now) == {
        ("Not on any more: Wed 10 Mar, 15:00", ANA): 1,
        ("Not on any more: Wed 10 Mar, 10:00", BEN): 1,
    }
    assert world.at(later + timedelta(days=40)) == {}


@pytest.mark.parametrize(
    ("setting", "value", "state"),
    [
        ("answer", "451 later", "pending"),
        ("answer", "554 never", "dead"),
        ("rcpt_answer", "550 nobody here", "dead"),
        ("rcpt_answer", "450 greylisted", "pending"),
        ("drop", True, "uncertain"),
    ],
)
def test_what_a_mail_server_says_decides_the_row(world, setting, value, state):
    pair = world.write(lambda s: cast.pair(s, NOW))
    world.write(
        lambda s: booking.book(
            s, NOW, AGE, SlotQuery(pair.id, "check-in"), BookingInput(start=START, by_id=pair.mentee_id)
        )
    )
    setattr(world.sink, setting, value)
    drain(world.services)
    with world.services.database.read() as session:
        states = Counter(session.scalars(cast.select(cast.OutboxRow.state)))
    assert states == {state: 2}
    assert world.sink.taken == []


def test_a_server_that_is_down_delays_and_loses_nothing(services):
    mailer = SmtpMailer(
        "127.0.0.1", 1, username=None, password=None, security="none", extra_ca=None, timeout=timedelta(seconds=1)
    )
    services = replace(services, mailer=mailer)
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        booking.book(session, NOW, AGE, SlotQuery(pair.id, "check-in"), BookingInput(start=START, by_id=pair.mentee_id))
    services.clock.now = NOW
    drain(services)
    with services.database.read() as session:
        rows = list(session.scalars(cast.select(cast.OutboxRow)))
    assert [(row.state, row.attempts, row.last_error) for row in rows] == [("pending", 1, "smtp_unreachable")] * 2
    with smtp.running() as (sink, port):
        services = replace(
            services,
            mailer=SmtpMailer(
                "127.0.0.1", port, username=None, password=None, security="none", extra_ca=None,
                timeout=timedelta(seconds=5),
            ),
        )  # fmt: skip
        services.clock.now = NOW + timedelta(minutes=2)
        drain(services)
        assert sorted(recipient for recipient, _ in sink.taken) == [ANA, BEN]
