"""A critical date from a form, or from the calendar file of the occasion."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import request

from service import numbers
from service.domain.errors import InvalidInput
from service.domain.interval import Interval
from service.operations.arcs import DateInput, read_ics_date
from service.store.tables import CriticalDate

DAY_ENDS = "18:00"  # of an event of several days


def date_input(zone: str) -> DateInput:
    """What the form says; the times of a file win, its title does not. Raises InvalidInput."""
    kind = request.form.get("kind", "presentation")
    run = request.form.get("run_minutes", "").strip()
    upload = request.files.get("ics")
    if upload is not None and upload.filename:
        found = read_ics_date(upload.read(), kind, zone)
    else:
        at = _wall("at", request.form.get("day", ""), request.form.get("time", ""))
        last = request.form.get("last_day", "")
        until = _wall("until", last, DAY_ENDS) if last else None
        found = DateInput(kind, at, request.form.get("date_zone") or zone, until)
    return replace(
        found,
        run_minutes=_minutes(run),
        label=request.form.get("label") or found.label,
        shared_label=request.form.get("shared_label") or None,
    )


def wall_fields(critical: CriticalDate) -> tuple[str, str]:
    """The date's day and time as its form's fields hold them, in its own zone."""
    wall = critical.starts_at.astimezone(ZoneInfo(critical.zone))
    return wall.date().isoformat(), f"{wall:%H:%M}"


def window_days(window: Interval | None, critical: CriticalDate) -> tuple[date, date] | None:
    """First and last day of a part of the date's arc, as the date's own zone has them."""
    if window is None:
        return None
    zone = ZoneInfo(critical.zone)
    return window.start.astimezone(zone).date(), (window.end - timedelta(seconds=1)).astimezone(zone).date()


def _wall(field: str, day: str, at: str) -> datetime:
    try:
        return numbers.moment(f"{day}T{at or '09:00'}").replace(tzinfo=None)
    except ValueError:
        raise InvalidInput.of(field, "bad_time") from None


def _minutes(raw: str) -> int | None:
    if not raw:
        return None
    found = numbers.whole(raw, 4)
    if found is None:
        raise InvalidInput.of("run_minutes", "run_minutes", most=480)
    return found
