"""The made-up calendars as iCalendar, built with icalendar from the programme's data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vRecur
from icalendar.enums import TRANSP

from service.demo.programme import Away, Diary, Weekly

BEFORE = timedelta(days=42)  # the series began before the programme's past does


def calendar_of(diary: Diary, made_on: date) -> Calendar:
    """The whole diary in one calendar, as a feed serves it."""
    calendar = _empty()
    for event in events_of(diary, made_on):
        calendar.add_component(event)
    calendar.add_missing_timezones(made_on - timedelta(days=400), made_on + timedelta(days=800))
    return calendar


def files_of(diary: Diary, made_on: date) -> Iterator[tuple[str, Calendar]]:
    """One calendar an event, with its UID, as a CalDAV server keeps them (RFC 4791 4.1)."""
    for event in events_of(diary, made_on):
        calendar = _empty()
        calendar.add_component(event)
        calendar.add_missing_timezones(made_on - timedelta(days=400), made_on + timedelta(days=800))
        yield str(event["UID"]), calendar


def events_of(diary: Diary, made_on: date) -> list[Event]:
    zone = ZoneInfo(diary.owner.zone)
    stamp = datetime.combine(made_on, time.min, ZoneInfo("UTC"))
    return [
        *(_weekly(each, made_on - BEFORE, zone, stamp, diary.owner.email) for each in diary.weekly),
        *(_away(each, made_on, stamp, diary.owner.email) for each in diary.away),
    ]


def _empty() -> Calendar:
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//Greenroom//demo//EN")
    return calendar


def _weekly(weekly: Weekly, since: date, zone: ZoneInfo, stamp: datetime, owner: str) -> Event:
    first = since + timedelta(days=(weekly.weekday - since.weekday()) % 7)
    event = Event.new(
        summary=weekly.title,
        start=datetime.combine(first, time.fromisoformat(weekly.start), zone),
        end=datetime.combine(first, time.fromisoformat(weekly.end), zone),
        stamp=stamp,
        uid=str(uuid5(NAMESPACE_URL, f"{owner}/{weekly}")),
    )
    event.add("RRULE", vRecur(freq="WEEKLY"))
    return event


def _away(away: Away, made_on: date, stamp: datetime, owner: str) -> Event:
    first = made_on + timedelta(days=away.first_day)
    return Event.new(
        summary=away.title,
        start=first,
        end=first + timedelta(days=away.days),
        stamp=stamp,
        uid=str(uuid5(NAMESPACE_URL, f"{owner}/{away}")),
        transparency=TRANSP.TRANSPARENT if away.free else TRANSP.OPAQUE,
    )
