"""Critical dates and their arcs: adding, sharing, moving, dropping; what stands of each arc."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain import arc
from service.domain.access import Action, Role, Thing, When, may, role_of
from service.domain.errors import FieldFault, InvalidInput, NotFound
from service.domain.event_time import UNREADABLE
from service.domain.followup import waking
from service.domain.interval import floor_epoch
from service.domain.meeting import LIVE, Phase
from service.domain.sessions import KINDS
from service.domain.typed import clean
from service.operations.people import is_zone
from service.store import claims, outbox
from service.store.tables import CriticalDate, Meeting, Pair

LONGEST_LABEL = 200
LONGEST_RUN = 8 * 60
LONGEST_DATE = timedelta(days=30)
FARTHEST = timedelta(days=3 * 365)
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DateInput:
    """A date as somebody typed it: `at` and `until` are wall-clock times in `zone`. `label` stays with the mentee."""

    kind: str
    at: datetime
    zone: str
    until: datetime | None = None
    run_minutes: int | None = None
    label: str | None = None
    shared_label: str | None = None

    @property
    def at_utc(self) -> datetime | None:
        """None when clocks skip it."""
        return _instant(self.at, ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True)
class ArcLine:
    """One part of an arc and its meeting, booked or held, if any."""

    part: arc.ArcPart
    meeting: Meeting | None


def add_date(session: Session, now: datetime, pair: Pair, wanted: DateInput) -> CriticalDate:
    """A date that only the mentee sees until they book for it or share it. Raises InvalidInput with every fault.

    Repeatable: dates of a pair that are the same in every field are one.
    """
    starts_at, ends_at = _checked(wanted, now)
    critical = CriticalDate(pair_id=pair.id, created_at=now, uid=str(uuid.uuid4()))
    _fill(critical, wanted, starts_at, ends_at)
    claims.take_turns_of(session, pair.id)  # the same form twice at once: the second sees the first's date
    for known in dates_of(session, now, pair, pair.mentee_id):
        if all(getattr(known, name) == getattr(critical, name) for name in _SAID):
            return known
    critical.word_at = _word_at(critical, pair, now)
    session.add(critical)
    session.flush()
    return critical


def move_date(session: Session, now: datetime, critical: CriticalDate, wanted: DateInput) -> CriticalDate:
    """What is not booked follows by itself. A booked meeting is kept, and when the time changed the mentee is asked
    about it, once a move, with new times."""
    starts_at, ends_at = _checked(wanted, now)
    before = critical.starts_at
    _fill(critical, wanted, starts_at, ends_at)
    critical.word_at = _word_at(critical, session.get_one(Pair, critical.pair_id), now)
    if starts_at != before:  # `now` too: a date that goes back and forth is asked about each time
        occasion = f"moved:{floor_epoch(before)}:{floor_epoch(starts_at)}:{floor_epoch(now)}"
        _ask_about_booked(session, now, critical, occasion)
    return critical


def _word_at(critical: CriticalDate, pair: Pair, now: datetime) -> datetime | None:
    zones = ZoneInfo(critical.zone), ZoneInfo(pair.mentor.zone)
    return arc.word_at(critical.kind, critical.starts_at, *zones, now)


def drop_date(session: Session, now: datetime, critical: CriticalDate) -> None:
    """The date is off. Booked meetings are kept, a debrief as "what now?", and the mentee is asked once. Repeatable."""
    if critical.dropped_at is None:
        critical.dropped_at = now
        _ask_about_booked(session, now, critical, "dropped")


def share_date(critical: CriticalDate, now: datetime) -> None:
    """The mentor sees kind, time and shared label from now on; never the private one."""
    critical.shared_at = critical.shared_at or now


def load_date(session: Session, date_id: int, person_id: int, *, dropped: bool = False) -> CriticalDate:
    """Raises NotFound when this person may not see it: unknown, another pair's, not shared with the mentor, or dropped
    where `dropped` does not ask for those as well."""
    critical = session.get(CriticalDate, date_id)
    pair = session.get(Pair, critical.pair_id) if critical is not None else None
    if critical is None or pair is None or (critical.dropped_at is not None and not dropped):
        raise NotFound("no_such_date")
    if not may(role_in(pair, person_id), Thing.DATE, Action.READ, *given_of(critical)):
        raise NotFound("no_such_date")
    return critical


def role_in(pair: Pair, person_id: int) -> Role:
    """Dates are the mentee's."""
    return role_of(person_id, pair.mentee_id, (pair.mentee_id, pair.mentor_id))


def given_of(critical: CriticalDate) -> tuple[When, ...]:
    return (When.SHARED,) if critical.shared_at is not None else ()


def load_own_date(session: Session, date_id: int, person_id: int, *, dropped: bool = False) -> CriticalDate:
    """The date, for its mentee alone: only they may move, share or drop it. Raises NotFound for everybody else."""
    critical = load_date(session, date_id, person_id, dropped=dropped)
    if not may(role_in(session.get_one(Pair, critical.pair_id), person_id), Thing.DATE, Action.WRITE):
        raise NotFound("no_such_date")
    return critical


def dates_of(session: Session, now: datetime, pair: Pair, person_id: int) -> list[CriticalDate]:
    """Dates ahead and those of the last week, soonest first, as far as this person may see them."""
    wanted = (
        select(CriticalDate)
        .where(
            CriticalDate.pair_id == pair.id,
            CriticalDate.dropped_at.is_(None),
            CriticalDate.starts_at > now - timedelta(days=7),
        )
        .order_by(CriticalDate.starts_at)
    )
    role = role_in(pair, person_id)
    return [each for each in session.scalars(wanted) if may(role, Thing.DATE, Action.READ, *given_of(each))]


def arc_of(session: Session, now: datetime, critical: CriticalDate) -> list[ArcLine]:
    """The date's parts in their order, each with its meeting."""
    run = timedelta(minutes=critical.run_minutes) if critical.run_minutes else None
    parts = arc.arc(critical.kind, critical.starts_at, critical.ends_at, ZoneInfo(critical.zone), run, now)
    stand = sorted(_standing(session, critical), key=lambda meeting: meeting.phase not in LIVE)
    return [
        ArcLine(part, next((meeting for meeting in stand if meeting.session == part.session), None)) for part in parts
    ]


def read_ics_date(data: bytes, kind: str, zone: str) -> DateInput:
    """A date from the calendar file of the occasion itself: its title becomes the private label; nobody in it is
    contacted, nothing else of it is kept. Raises InvalidInput when no event can be read."""
    if len(data) > MOST_BYTES:
        raise InvalidInput.of("ics", "file_too_large", most=1)
    try:
        event = next(iter(Calendar.from_ical(data).walk("VEVENT")), None)
    except UNREADABLE:
        raise InvalidInput.of("ics", "not_a_calendar_file") from None
    if event is None or "dtstart" not in event:
        raise InvalidInput.of("ics", "no_event_in_file")
    start, end = _first(event, "dtstart"), _first(event, "dtend")
    try:
        named = getattr(getattr(start.dt, "tzinfo", None), "key", None)
        place = named if named is not None and is_zone(named) and named != "UTC" else zone
        at, until = _wall(start.dt, place), _wall(end.dt, place) if end is not None else None
    except UNREADABLE:
        raise InvalidInput.of("ics", "unreadable_times") from None
    title = _first(event, "summary")
    label = clean(title)[:LONGEST_LABEL] if isinstance(title, str) else ""  # not octets: SUMMARY;VALUE=BINARY
    return DateInput(kind, at, place, until, label=label or None)


def _first(event: Component, name: str) -> Any:
    """The first value of a property that RFC 5545 allows once; icalendar gives a list where it stands more often."""
    value = event.get(name)
    return value[0] if isinstance(value, list) else value


def _wall(moment: object, zone: str) -> datetime:
    """The wall-clock time in the zone; an all-day event begins at nine, when people do. Raises TypeError for what
    icalendar hands on unread."""
    if not isinstance(moment, date):
        raise TypeError(type(moment))
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time(9))
    return moment if moment.tzinfo is None else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _checked(wanted: DateInput, now: datetime) -> tuple[datetime, datetime | None]:
    faults: list[FieldFault] = []
    if wanted.kind not in KINDS:
        faults.append(FieldFault("kind", "unknown_kind", {"known": ", ".join(KINDS)}))
    if not is_zone(wanted.zone):
        raise InvalidInput(*faults, FieldFault("zone", "unknown_zone", {"text": wanted.zone[:100]}))
    zone = ZoneInfo(wanted.zone)
    starts_at, ends_at = _instant(wanted.at, zone), _instant(wanted.until, zone)
    if wanted.at is not None and starts_at is None:
        faults.append(FieldFault("at", "no_such_time", {"time": f"{wanted.at:%Y-%m-%d %H:%M}", "zone": wanted.zone}))
    if wanted.until is not None and ends_at is None:
        at = {"time": f"{wanted.until:%Y-%m-%d %H:%M}", "zone": wanted.zone}
        faults.append(FieldFault("until", "no_such_time", at))
    if starts_at is not None and starts_at <= now:
        faults.append(FieldFault("at", "past", {}))
    if starts_at is not None and starts_at > now + FARTHEST:
        faults.append(FieldFault("at", "too_far", {"years": FARTHEST.days // 365}))
    if starts_at is not None and ends_at is not None and not starts_at < ends_at <= starts_at + LONGEST_DATE:
        faults.append(FieldFault("until", "not_after_at", {"days": LONGEST_DATE.days}))
    if wanted.run_minutes is not None and not 1 <= wanted.run_minutes <= LONGEST_RUN:
        faults.append(FieldFault("run_minutes", "run_minutes", {"most": LONGEST_RUN}))
    for field in ("label", "shared_label"):
        if len(clean(getattr(wanted, field) or "")) > LONGEST_LABEL:
            faults.append(FieldFault(field, "too_long", {"most": LONGEST_LABEL}))
    if faults or starts_at is None:
        raise InvalidInput(*faults)
    return starts_at, ends_at


def _instant(wall: datetime | None, zone: ZoneInfo) -> datetime | None:
    """UTC of a wall-clock time; None when clocks skip it. A time that comes twice is its first."""
    if wall is None:
        return None
    aware = wall.replace(tzinfo=zone, fold=0)
    try:
        moment = aware.astimezone(UTC)
    except OverflowError:  # the first or the last day that there is
        return None
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None, fold=0) else None


def _fill(critical: CriticalDate, wanted: DateInput, starts_at: datetime, ends_at: datetime | None) -> None:
    critical.kind, critical.zone = wanted.kind, wanted.zone
    if ends_at is None and critical.ends_at is not None:  # nobody said that it got shorter
        ends_at = starts_at + (critical.ends_at - critical.starts_at)
    critical.starts_at, critical.ends_at = starts_at, ends_at
    critical.run_minutes = wanted.run_minutes
    critical.label = clean(wanted.label or "") or None
    critical.shared_label = clean(wanted.shared_label or "") or None


_SAID = ("kind", "zone", "starts_at", "ends_at", "run_minutes", "label", "shared_label")  # what `_fill` fills


def _standing(session: Session, critical: CriticalDate) -> list[Meeting]:
    """What is booked for it, and what was held: a part that they have met for is not offered again."""
    return list(
        session.scalars(
            select(Meeting)
            .where(
                Meeting.date_id == critical.id, Meeting.phase != Phase.CANCELLED, Meeting.happened.isnot(False),
            )
            .order_by(Meeting.starts_at)
        )
    )  # fmt: skip


def _ask_about_booked(session: Session, now: datetime, critical: CriticalDate, occasion: str) -> None:
    """One mail to the mentee about all meetings of the arc that still lie ahead; what it says is decided when it
    goes."""
    ahead = [each for each in _standing(session, critical) if each.phase in LIVE and each.starts_at > now]
    if not ahead:
        return
    first = ahead[0]
    for meeting in ahead:  # one mail about where it is now, not one for each step on the way
        outbox.withdraw(session, meeting_id=meeting.id, kinds=("date-moved",))
    outbox.add(
        session,
        now,
        "date-moved",
        first.pair.mentee_id,
        dedup=f"d{critical.id}:{occasion}",
        due_at=waking(now, ZoneInfo(first.pair.mentee.zone)),
        pair_id=critical.pair_id,
        meeting_id=first.id,
        date_id=critical.id,
    )
