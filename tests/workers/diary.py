"""People who book, move and cancel while it storms, and what had left when a meeting was cancelled."""

import random
import time
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from service.domain.meeting import Phase
from service.operations import booking, people
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery, offer
from service.store import outbox
from service.store.tables import Meeting, OutboxRow

MOVED, CANCELLED = 0.2, 0.15  # of all that is done


class Diary:
    """`left`: of each cancelled meeting, the invitations that had left or were leaving at that moment."""

    def __init__(self, services, seed):
        self.services, self.dice = services, random.Random(seed)
        self.pairs, self.meetings, self.left, self.starts = 0, [], {}, []

    def states(self):
        """How many rows are in each state; none when the database is away."""
        try:
            with self.services.database.read() as session:
                return outbox.counts(session)
        except DBAPIError:
            return {}

    def act(self):
        """One of the three. When the database is away it may have been done or not."""
        fate = self.dice.random()
        with self._writing() as session:
            if not self.meetings or fate > MOVED + CANCELLED:
                self._book(session)
            elif fate < CANCELLED:
                self._cancel(session, self._one())
            else:
                self._move(session, self._one())

    @contextmanager
    def _writing(self):
        try:
            with self.services.database.write() as session:
                yield session
        except DBAPIError:
            time.sleep(0.1)

    def _one(self):
        return self.dice.choice(self.meetings)

    def _book(self, session):
        now, age = self.services.clock(), self.services.settings.busy_max_age
        self.pairs += 1
        two = [people.PersonInput(f"{name}{self.pairs}@example.org", name, "Europe/Lisbon") for name in ("Ana", "Ben")]
        pair = people.add_pair(session, now, *two)
        query = SlotQuery(pair.id, "check-in")
        if not self.starts:
            self.starts = [slot.start for slot in offer(session, now, age, query).proposals.slots]
        meeting = booking.book(session, now, age, query, BookingInput(self.dice.choice(self.starts), pair.mentee_id))
        self.meetings.append(meeting.id)

    def _move(self, session, meeting_id):
        meeting = session.get(Meeting, meeting_id)
        if meeting is not None and meeting.phase == Phase.BOOKED:
            now, age = self.services.clock(), self.services.settings.busy_max_age
            booking.reschedule(session, now, age, meeting, self.dice.choice(self.starts), meeting.pair.mentee_id)

    def _cancel(self, session, meeting_id):
        meeting = session.get(Meeting, meeting_id)
        if meeting is not None and meeting.phase == Phase.BOOKED:
            booking.cancel(session, self.services.clock(), meeting, meeting.pair.mentor_id)
            out = select(OutboxRow.id).where(
                OutboxRow.meeting_id == meeting_id, OutboxRow.kind == "invitation", OutboxRow.state.in_(outbox.OUT)
            )
            self.left[meeting_id] = set(session.scalars(out))
