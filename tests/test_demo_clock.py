"""The demo's clock: from due moment to due moment, each mail at its own time; and the story it begins with."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from integrations.maildir_mail import kept_mails
from service.demo import clock, story
from service.demo.clock import StillSending, jump_to, move_to, offset, set_offset
from service.demo.programme import JONAS_AND_MARIA
from service.domain.meeting import Phase
from service.links import link_for, resolve
from service.operations import arcs, booking, calendars, goals, meetings, offering, people
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.settings import Settings
from service.store.database import Database
from service.store.tables import Calendar, Connection, CriticalDate, Meeting, OutboxRow, Pair
from service.wiring import DemoClock, Services
from tests.made_up import drain, note, services_of


@pytest.fixture
def demo(settings: Settings, database: Database) -> Services:
    """The demo's services as its web process has them, with calendars in memory and nothing running."""
    return services_of(settings, database)


@pytest.fixture
def told(demo: Services) -> story.Told:
    return story.tell(demo, note(), drain)


@pytest.fixture
def booked(demo: Services, told: story.Told) -> Meeting:
    """Ana has booked the best practice run."""
    now, age = demo.clock(), demo.settings.busy_max_age
    with demo.database.write() as session:
        query = SlotQuery(told.pair_id, "practice", told.date_id)
        best = offering.offer(session, now, age, query).proposals.slots[0]
        pair = session.get_one(Pair, told.pair_id)
        meeting = booking.book(session, now, age, query, BookingInput(best.start, pair.mentee_id))
    drain(demo)
    return meeting


def sent(services: Services, since: int = 0) -> list[tuple[str, str]]:
    with services.database.read() as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.state == "sent").order_by(OutboxRow.sent_at)).all()
        names = (
            {row.pair.mentee_id: "Ana", row.pair.mentor_id: "Ben"} if (row := session.scalar(select(Meeting))) else {}
        )
        return [(row.kind, names[row.person_id]) for row in rows][since:]


INVITED = [("invitation", "Ana"), ("invitation", "Ben")]
KICK_OFF = [  # booked two days before: nobody is asked for an agenda
    *INVITED, ("agreement-turn", "Ben"), ("agreement-turn", "Ana"), ("brief", "Ben"), ("reminder", "Ana"),
    ("agreement", "Ana"), ("agreement", "Ben"), ("followup", "Ana"), ("list", "Ben"),
]  # fmt: skip
SHAPED = [
    *INVITED, ("agenda-ask", "Ana"), ("brief", "Ben"), ("reminder", "Ana"), ("followup", "Ana"), ("list", "Ben"),
]  # fmt: skip
# Whether there was time for these before a meeting depends on the day of the week on which the demo is made.
BY_WEEKDAY = {("agenda-ask", "Ana"), ("reminder", "Ana"), ("brief", "Ben")}


def test_the_story_stands_in_the_middle_of_a_relationship(demo: Services, told: story.Told) -> None:
    wanted, left = Counter([*KICK_OFF, *SHAPED, *INVITED]), Counter(sent(demo))
    assert not wanted - left
    assert set(left - wanted) <= BY_WEEKDAY
    assert len(kept_mails(demo.settings.data_dir / "mailbox")) == len(sent(demo))
    with demo.database.read() as session:
        pair, talk = session.get_one(Pair, told.pair_id), session.get_one(CriticalDate, told.date_id)
        assert pair.terms is not None, "signed by both"
        parts = {line.part.role: line.meeting for line in arcs.arc_of(session, demo.clock(), talk)}
        shaped, debrief = parts["shape"], parts["debrief"]
        assert shaped is not None
        assert (shaped.phase, shaped.happened) == (Phase.ENDED, True)
        assert shaped.ends_at < demo.clock()
        assert debrief is not None
        assert (debrief.phase, debrief.happened) == (Phase.BOOKED, None)
        assert parts["practice"] is None, "the one to be found"
        assert [goal.state for goal in goals.goals_of(session, pair, pair.mentee_id)] == ["open", "draft"]
        assert {line.state for line in meetings.commitments_of(session, pair.id)} == {"open", "done"}
        assert timedelta(days=24) < talk.starts_at - demo.clock() < timedelta(days=32)
        assert talk.starts_at.weekday() == 3


def test_another_pair_stands_at_its_very_start(demo: Services, told: story.Told) -> None:
    with demo.database.read() as session:
        jonas = people.load_person(session, JONAS_AND_MARIA.mentee.email)
        pair = session.scalars(select(Pair).where(Pair.mentee_id == jonas.id)).one()
        assert demo.clock() - pair.created_at < timedelta(minutes=5)
        assert (pair.place, pair.terms) == (None, None)
        assert not meetings.meetings_of(session, pair)
        assert not arcs.dates_of(session, demo.clock(), pair, jonas.id)
        assert not calendars.connections_of(session, jonas.id)
        assert len(session.scalars(select(Pair)).all()) == 6


def test_each_mail_of_the_story_left_at_its_own_time(demo: Services, told: story.Told) -> None:
    with demo.database.read() as session:
        for row in session.scalars(select(OutboxRow).where(OutboxRow.state != "cancelled")):
            assert row.sent_at is not None
            assert row.due_at <= row.sent_at < row.due_at + timedelta(seconds=30), row.kind


def test_after_the_story_the_clock_is_the_machines(demo: Services, told: story.Told) -> None:
    assert offset(demo.settings.data_dir) == timedelta()


def test_set_back_the_clock_knows_the_calendars_of_these_days(demo: Services, told: story.Told) -> None:
    move_to(demo, demo.clock() + timedelta(days=40), drain)
    clock.set_back(demo)
    now = demo.clock()
    with demo.database.read() as session:
        connections = session.scalars(select(Connection)).all()
        counting = session.scalars(select(Calendar).where(Calendar.counts)).all()
    assert connections
    assert all(each.due_at and each.due_at <= now + demo.settings.poll for each in connections)
    assert all(
        each.window_from and each.verified_at and each.window_from < now >= each.verified_at for each in counting
    )


def test_jumps_walk_through_the_life_of_the_booked_meeting(demo: Services, booked: Meeting) -> None:
    before = len(sent(demo))
    steps: list[tuple[str, list[str]]] = []
    for jump in clock.JUMPS:
        assert jump_to(demo, jump, drain)
        steps.append((jump, sorted(kind for kind, _ in sent(demo, before))))
        before = len(sent(demo))
    assert steps == [
        ("three-days-before", ["agenda-ask"]),
        ("day-before", ["brief", "reminder"]),
        ("hour-after", ["followup"]),
        ("next-morning", []),  # nothing was agreed, so there is no list
    ]
    assert jump_to(demo, "three-days-before", drain), "the debrief is ahead"
    assert not jump_to(demo, "three-days-before", drain), "that moment is past, and no other meeting is ahead"


def test_links_do_not_grow_old_on_the_way(demo: Services, booked: Meeting) -> None:
    with demo.database.write() as session:
        token = link_for(session, demo.clock(), "connect", booked.pair.mentee_id).token
    move_to(demo, demo.clock() + timedelta(days=300), drain)
    with demo.database.read() as session:
        assert resolve(session, demo.clock(), "connect", token)


def test_calendars_are_fresh_after_a_jump(demo: Services, booked: Meeting) -> None:
    move_to(demo, demo.clock() + timedelta(days=5), drain)
    with demo.database.read() as session:
        query = SlotQuery(booked.pair_id, "check-in")
        offered = offering.offer(session, demo.clock(), demo.settings.busy_max_age, query)
    assert offered.proposals.slots
    assert all(source.verified_at > demo.clock() - timedelta(minutes=1) for source in offered.frame.sources)


def test_the_clock_stands_while_mail_is_on_its_way(
    demo: Services, booked: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "SETTLE_SECONDS", 0.2)
    with demo.database.write() as session:
        row = session.scalars(select(OutboxRow)).first()
        assert row is not None
        row.state, row.lease_until = "sending", demo.clock() + timedelta(minutes=5)
    with pytest.raises(StillSending):
        move_to(demo, demo.clock() + timedelta(days=1))
    assert offset(demo.settings.data_dir) == timedelta()


def test_every_part_sees_the_moved_clock_at_once(tmp_path: Path) -> None:
    one, other = DemoClock(tmp_path / "clock"), DemoClock(tmp_path / "clock")
    before = one()
    set_offset(tmp_path, timedelta(days=2, hours=3))
    for seen in (one(), other()):
        assert timedelta(days=2, hours=3) <= seen - before < timedelta(days=2, hours=3, minutes=1)


def test_the_mails_of_a_jump_offer_times_from_calendars_of_that_moment(demo: Services, booked: Meeting) -> None:
    with demo.database.write() as session:  # with a next meeting there is nothing to offer
        later = select(Meeting).where(Meeting.pair_id == booked.pair_id, Meeting.starts_at > booked.starts_at)
        for meeting in session.scalars(later).all():
            booking.cancel(session, demo.clock(), meeting, meeting.pair.mentee_id)
    drain(demo)
    for jump in clock.JUMPS[:3]:
        jump_to(demo, jump, drain)
    last = kept_mails(demo.settings.data_dir / "mailbox")[-1]
    assert str(last.message["Subject"]).startswith("Your list")
    text = last.message.get_body(("plain",))
    assert text is not None
    assert "these would suit you both" in text.get_content()
