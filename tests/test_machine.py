"""Two mentees and one mentor doing anything in any order: never booked twice, never a mail about what is not so."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from icalendar import Calendar
from sqlalchemy import select

from service.domain.answering import make_reply, request_in
from service.domain.errors import GreenroomError
from service.domain.meeting import LIVE
from service.operations import booking, followup, inbound, proposing
from service.operations.booking import BookingInput
from service.operations.commitments import Line
from service.operations.offering import SlotQuery
from service.operations.proposing import ProposalInput
from service.settings import Settings
from service.store import proposals
from service.store.database import Database, connect, sqlite_url
from service.store.tables import Base, Claim, Meeting, OutboxRow, Proposal, ProposedTime
from service.store.types import Keyring
from service.wiring import Services
from tests import cast
from tests.fakes import MemoryCalendars, MemoryMailer, MemoryWriters, RecordedJobs, SetClock
from tests.postgres import Postgres
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
SOAK = os.environ.get("GREENROOM_SOAK") == "1"
MONDAY = datetime(2027, 2, 8, 14, 0, tzinfo=UTC)
STARTS = st.builds(
    lambda day, quarter: MONDAY + timedelta(days=day, minutes=15 * quarter),
    st.integers(0, 4),
    st.integers(0, 7),
)
WHO = st.sampled_from(["mentee", "mentor"])
WHICH = st.integers(0, 3)


class Life(RuleBasedStateMachine):
    """On a database of its own: in a file, or on this server."""

    def __init__(self, server: Postgres | None = None) -> None:
        super().__init__()
        self.server = server

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.url = self.server.fresh() if self.server else sqlite_url(path / "g.db")
        configured = Settings(data_dir=path, secret_keys=("k" * 48,), database_url=self.url if self.server else None)
        database = Database(connect(self.url, Keyring(configured.secret_keys)))
        if self.server is None:
            Base.metadata.create_all(database.engine)
        self.services = Services(
            configured, database, SetClock(NOW), MemoryMailer(), RecordedJobs(), MemoryCalendars(), MemoryWriters()
        )
        self.checked = 0
        with database.write() as session:
            first = cast.pair(session, NOW)
            self.pairs = [first.id, cast.other_mentee(session, NOW, first.mentor_id).id]

    def teardown(self) -> None:
        if hasattr(self, "services"):
            self.services.database.close()
            if self.server is not None:
                self.server.drop(self.url)
            self.folder.cleanup()

    @property
    def now(self) -> datetime:
        return self.services.clock.now

    def change(self, action) -> None:
        """What a person does; a refusal is an answer as good as any."""
        try:
            with self.services.database.write() as session:
                action(session)
        except GreenroomError:
            pass

    def meeting(self, session, which):
        meetings = session.scalars(select(Meeting).order_by(Meeting.id.desc())).all()
        return meetings[which] if which < len(meetings) else None

    @rule(which=st.integers(0, 1), start=STARTS, minutes=st.sampled_from([30, 45, 60]))
    def book(self, which, start, minutes) -> None:
        def action(session):
            pair = session.get(cast.Pair, self.pairs[which])
            query = SlotQuery(pair.id, "check-in", minutes=minutes)
            booking.book(session, self.now, AGE, query, BookingInput(start=start, by_id=pair.mentee_id))

        self.change(action)

    @rule(which=WHICH, start=STARTS, who=WHO)
    def move(self, which, start, who) -> None:
        def action(session):
            meeting = self.meeting(session, which)
            if meeting is not None:
                by_id = getattr(meeting.pair, f"{who}_id")
                booking.reschedule(session, self.now, AGE, meeting, start, by_id)

        self.change(action)

    @rule(which=st.integers(0, 1), starts=st.lists(STARTS, min_size=1, max_size=3), who=WHO, moving=st.booleans())
    def offer(self, which, starts, who, moving) -> None:
        def action(session):
            pair = session.get(cast.Pair, self.pairs[which])
            by_id, meeting = getattr(pair, f"{who}_id"), self.meeting(session, 0) if moving else None
            query = SlotQuery(pair.id, "check-in", reader=who)
            query = booking.moving_query(meeting, by_id) if meeting is not None else query
            by_id = getattr(meeting.pair, f"{who}_id") if meeting is not None else by_id
            proposing.propose(session, self.now, AGE, query, ProposalInput(tuple(starts), by_id))

        self.change(action)

    @rule(which=st.integers(0, 3), who=WHO, end=st.booleans())
    def answer_offer(self, which, who, end) -> None:
        """The newest ones, at any of their times, long after they lapsed or were replaced."""

        def action(session):
            times = session.scalars(select(ProposedTime).order_by(ProposedTime.id.desc()).limit(4)).all()
            if which < len(times):
                proposal = session.get(Proposal, times[which].proposal_id)
                by_id = getattr(proposal.pair, f"{who}_id")
                if end:
                    proposing.close(session, self.now, proposal.id, by_id)
                else:
                    proposing.take(session, self.now, AGE, times[which].id, by_id)

        self.change(action)

    @rule(which=WHICH, who=WHO)
    def cancel(self, which, who) -> None:
        def action(session):
            meeting = self.meeting(session, which)
            if meeting is not None:
                booking.cancel(session, self.now, meeting, getattr(meeting.pair, f"{who}_id"))

        self.change(action)

    @rule(which=st.integers(0, 8), partstat=st.sampled_from(["ACCEPTED", "TENTATIVE", "DECLINED"]), late=st.booleans())
    def answer(self, which, partstat, late) -> None:
        """Somebody presses a button in any invitation that they ever got, perhaps an old one, perhaps twice."""
        invitations = [mail for mail in self.services.mailer.sent if b'method="REQUEST"' in mail.octets]
        if which >= len(invitations):
            return
        mail = invitations[-1 - which if not late else which]
        raw = make_reply(request_in(mail.octets), mail.recipient, partstat, self.now)
        with self.services.database.write() as session:
            inbound.decide(session, self.now, AGE, inbound.receive(session, self.now, raw))

    @rule(which=WHICH, happened=st.booleans())
    def follow_up(self, which, happened) -> None:
        def action(session):
            meeting = self.meeting(session, which)
            if meeting is not None:
                followup.submit_followup(
                    session, self.now, meeting, meeting.pair.mentee_id,
                    happened=happened, lines=(Line(None, "x"),),
                )  # fmt: skip

        self.change(action)

    @rule(hours=st.sampled_from([1, 6, 24, 24 * 7]))
    def time_passes(self, hours) -> None:
        until = self.now + timedelta(hours=hours)
        while True:
            with self.services.database.write() as session:
                due = followup.next_due(session)
                if due is None or due > until:
                    break
                self.services.clock.now = max(due, self.now)
                followup.run_due(session, self.now)
            self.send()
        self.services.clock.now = until

    @rule()
    def send(self) -> None:
        """Mail leaves; each is compared with what is so at this very moment."""
        drain(self.services)
        self.check_sent()

    def check_sent(self) -> None:
        fresh, self.checked = self.services.mailer.sent[self.checked :], len(self.services.mailer.sent)
        with self.services.database.read() as session:
            for mail in fresh:
                self.check_mail(session, mail)

    def check_mail(self, session, mail) -> None:
        message = BytesParser(policy=policy.default).parsebytes(mail.octets)
        row = session.scalars(
            select(OutboxRow).where(OutboxRow.message_id == str(message["Message-ID"])[1:].partition("@")[0])
        ).one()
        if row.kind == "proposed":
            assert proposals.of_mail(session, row.dedup_key).outcome is None
            return
        meeting = session.get(Meeting, row.meeting_id)
        gone = meeting.phase == "cancelled"
        assert gone == (row.kind in {"cancellation", "declined"}), f"{row.kind} about a meeting that is {meeting.phase}"
        ics = request_in(mail.octets)
        if ics is not None:
            event = Calendar.from_ical(ics).walk("VEVENT")[0]
            assert event.decoded("dtstart") == meeting.starts_at
            assert int(event["sequence"]) == meeting.sequence

    @invariant()
    def nobody_is_in_two_places(self) -> None:
        if not hasattr(self, "services"):
            return
        with self.services.database.read() as session:
            claims = session.scalars(select(Claim).order_by(Claim.person_id, Claim.starts_at)).all()
            for one, other in pairwise(claims):
                assert one.person_id != other.person_id or one.guarded_until <= other.starts_at
            live = set(session.scalars(select(Meeting.id).where(Meeting.phase.in_(LIVE))))
            over = set(session.scalars(select(Meeting.id).where(Meeting.phase.in_(("ended", "closed")))))
            assert {claim.meeting_id for claim in claims if claim.time_id is None} == live | over
            held = {claim.time_id for claim in claims if claim.time_id is not None}
            still_open = select(ProposedTime.id).join(Proposal).where(Proposal.outcome.is_(None))
            assert held <= set(session.scalars(still_open))

    @invariant()
    def nothing_is_mailed_twice(self) -> None:
        if not hasattr(self, "services"):
            return
        ids = [BytesParser().parsebytes(mail.octets)["Message-ID"] for mail in self.services.mailer.sent]
        assert len(ids) == len(set(ids))
        with self.services.database.read() as session:
            counts: dict[tuple[int, int], int] = {}
            for row in session.scalars(select(OutboxRow).where(OutboxRow.state == "sent")):
                if row.kind in {"agenda-ask", "reminder", "followup", "brief", "list"}:
                    key = (row.meeting_id, row.person_id)
                    counts[key] = counts.get(key, 0) + 1
            for (meeting_id, person_id), count in counts.items():
                pair = session.get(Meeting, meeting_id).pair
                assert count <= (3 if person_id == pair.mentee_id else 2)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=400 if SOAK else 25,
    stateful_step_count=40 if SOAK else 20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
