"""Times as a page shows them: three cards, more by day, and where they come from. Words are made only for what is
shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import request

from service import numbers
from service.catalogue import Words
from service.domain.interval import floor_epoch, instant
from service.domain.slots import Slot, three_best
from service.operations.offering import Offer, refusal_of
from service.operations.times import Source
from service.reasons import reason_text, refusal_text, why_none_text
from service.store.pair_rows import PersonRow
from service.store.tables import Person
from service.web.page import Reader

PER_DAY = 6  # whole and half hours shown at first; every quarter is behind another tap


@dataclass(frozen=True, slots=True)
class Card:
    start: str  # ISO, for the link
    moment: str
    spoken: str  # the long form, for a screen reader
    other: str
    why: str


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    count: int
    first: list[tuple[str, str, str]]  # ISO, time, the other's time
    rest: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Times:
    cards: list[Card]
    days: list[Day]
    receipts: list[str]
    unreadable: list[str]
    none: list[str]
    nearby: bool  # the arc's own days have none; these are the nearest
    shrunk: bool
    minutes: int


def times_of(found: Offer, reader: Reader, now: datetime) -> Times:
    words, pair = reader.words, found.frame.pair
    other = pair.other(reader.person.id)
    slots = found.proposals.slots
    nearby = not slots and found.nearest is not None and bool(found.nearest.slots)
    if nearby and found.nearest is not None:
        slots = found.nearest.slots
    names = {pair.mentee_id: pair.mentee.first_name, pair.mentor_id: pair.mentor.first_name}
    none = [] if slots else [why_none_text(words, refusal, names) for refusal in found.proposals.why_none[:2]]
    part = found.frame.part
    asked = (found.frame.ask.mentee, found.frame.ask.mentor)
    return Times(
        cards=[_card(slot, reader, other) for slot in three_best(slots, reader.zone)],
        days=_days(slots, reader, other),
        receipts=[_receipt(source, reader, now) for source in found.frame.sources],
        unreadable=[names[person.person_id] for person in asked if person.unreadable],
        none=none,
        nearby=nearby,
        shrunk=part is not None and part.note == "shrunk",
        minutes=int(found.frame.duration.total_seconds() // 60),
    )


@dataclass(frozen=True, slots=True)
class InMind:
    """The answer to a day and a time that somebody has in mind: one kind sentence, and a card where it is yes."""

    said: str
    card: Card | None = None


def in_mind_of(found: Offer, reader: Reader) -> InMind | None:
    """None when nothing was asked. The days of an arc do not bind: what can be booked is a yes."""
    day, at = request.values.get("day", ""), request.values.get("at", "")
    if not day or not at:
        return None
    try:
        wall = datetime.combine(numbers.day(day), time.fromisoformat(at), reader.zone)
    except ValueError:
        return InMind(reader.words("page.in_mind.unclear"))
    start = wall.astimezone(UTC)
    if start.astimezone(reader.zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
        return InMind(reader.words("page.in_mind.no_such_time"))
    refused, pair = refusal_of(found.frame, start), found.frame.pair
    moment = reader.words.moment(start, reader.zone)
    if refused is None:
        slot = Slot(floor_epoch(start), floor_epoch(start + found.frame.duration), score=0, reasons=())
        return InMind(
            reader.words("page.in_mind.yes", moment=moment), _card(slot, reader, pair.other(reader.person.id))
        )
    names = {pair.mentee_id: pair.mentee.first_name, pair.mentor_id: pair.mentor.first_name}
    why = refusal_text(reader.words, refused, names, reader.person.id)
    return InMind(reader.words("page.in_mind.no", moment=moment, why=why))


def _card(slot: Slot, reader: Reader, other: Person | PersonRow) -> Card:
    words, start = reader.words, slot.start
    # The best reason, and always that a time is there for this date alone.
    told = [reason for at, reason in enumerate(slot.reasons) if at == 0 or reason.code == "pledge"]
    why = [reason_text(words, reason, start) for reason in told]
    return Card(
        start=_iso(start),
        moment=words.moment(start, reader.zone),
        spoken=f"{words.day(start, reader.zone, long=True)}, {words.time(start, reader.zone)} "
        f"({words.place_of(reader.zone)})",
        other=other_time(words, start, reader.zone, other),
        why=" · ".join(why),
    )


def other_time(words: Words, start: datetime, mine: ZoneInfo, other: Person | PersonRow) -> str:
    """10:00 for Ben in New York; with the day where it is another one."""
    zone = ZoneInfo(other.zone)
    same_day = start.astimezone(zone).date() == start.astimezone(mine).date()
    told = words.time(start, zone) if same_day else words.moment(start, zone)
    return words("page.other_time", time=told, other=other.first_name, place=words.place_of(zone))


def _days(slots: list[Slot], reader: Reader, other: Person | PersonRow) -> list[Day]:
    zone = ZoneInfo(other.zone)
    starts = [instant(epoch).astimezone(reader.zone) for epoch in sorted(slot.epoch for slot in slots)]
    return [_day(list(of_day), reader, zone) for _, of_day in groupby(starts, datetime.date)]


def _day(starts: list[datetime], reader: Reader, zone: ZoneInfo) -> Day:
    """`starts` are in the reader's zone, `zone` is the other person's."""
    words = reader.words
    told = [(_iso(start), words.time(start, reader.zone), words.time(start, zone)) for start in starts]
    round_ones = [entry for entry, start in zip(told, starts, strict=True) if start.minute in {0, 30}]
    first = round_ones[:: max(1, -(-len(round_ones) // PER_DAY))][:PER_DAY] or told[:PER_DAY]
    return Day(words.day(starts[0]), len(starts), first, told if len(told) > len(first) else [])


def _receipt(source: Source, reader: Reader, now: datetime) -> str:
    words = reader.words
    mine = source.person_id == reader.person.id
    who = "mine" if mine else "theirs"
    name = source.name.split()[0]
    if source.provider == "hours":
        return words(f"page.receipt.hours.{who}", other=name)
    if source.verified_at is None:
        return words(f"page.receipt.never.{who}", other=name)
    return words(f"page.receipt.checked.{who}", other=name, age=age(words, now, source.verified_at))


def age(words: Words, now: datetime, then: datetime) -> str:
    """40 s, 2 min, 3 h"""
    seconds = max(0, int((now - then).total_seconds()))
    if seconds < 90:
        return words("page.age.seconds", count=seconds)
    if seconds < 5400:
        return words("page.age.minutes", count=seconds // 60)
    return words("page.age.hours", count=seconds // 3600)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")  # a third of strftime's time
