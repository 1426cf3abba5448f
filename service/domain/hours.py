"""Hours as people write them: weekly hours, days that differ, days off, lengths and pledges, to values and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from service.domain.errors import FieldFault, InvalidInput

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NOTHING = "none"
END_OF_DAY = 24 * 60

# Minutes of a local day, half-open, sorted and disjoint; 1440 is the end of the day.
Ranges = tuple[tuple[int, int], ...]
Weekly = dict[int, Ranges]  # 0 is Monday; a day without hours is left out

_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)
_LENGTH = re.compile(r"([0-9]{1,5}) ?([mhd])", re.ASCII)
_PLEDGE = re.compile(r"([0-9]{1,3}) ?/ ?month at (\S.*)", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Pledge:
    """What a mentor promises around a critical date: meetings a month beyond the cap, at a shorter notice."""

    per_month: int
    notice: timedelta


def parse_hours(text: str, field: str = "hours") -> Weekly:
    """`Mon-Fri 09:00-12:00 13:00-17:00; Sat 10:00-12:00`; `none` is no weekly hours at all.

    Raises InvalidInput with one fault for each thing that is wrong.
    """
    if text.strip().lower() == NOTHING:
        return {}
    groups = [group.split() for group in re.split(r"[;\n]", text) if group.strip()]
    if not groups:
        raise InvalidInput.of(field, "hours_empty")
    faults: list[FieldFault] = []
    weekly: dict[int, list[tuple[int, int]]] = {}
    for day_word, *range_words in groups:
        days = _days(day_word, field, faults)
        if not range_words:
            faults.append(FieldFault(field, "hours_without_times", {"day": day_word}))
        ranges = [made for word in range_words if (made := _range(word, field, faults)) is not None]
        for day in days:
            weekly.setdefault(day, []).extend(ranges)
    checked = {day: _joined(ranges, field, faults, DAYS[day]) for day, ranges in sorted(weekly.items())}
    if faults:
        raise InvalidInput(*faults)
    return checked


def format_hours(weekly: Mapping[int, Ranges]) -> str:
    """What parse_hours reads; neighbouring days with the same hours are written as one."""
    told: list[str] = []
    day = 0
    while day < len(DAYS):
        ranges = weekly.get(day, ())
        last = day
        while last + 1 < len(DAYS) and weekly.get(last + 1, ()) == ranges:
            last += 1
        if ranges:
            days = DAYS[day] if last == day else f"{DAYS[day]}-{DAYS[last]}"
            told.append(f"{days} {format_ranges(ranges)}")
        day = last + 1
    return "; ".join(told) or NOTHING


def parse_ranges(text: str, field: str = "hours") -> Ranges:
    """`10:00-12:00 13:00-15:00`; `none` is no hours. Raises InvalidInput."""
    if text.strip().lower() == NOTHING:
        return ()
    words = text.split()
    if not words:
        raise InvalidInput.of(field, "hours_empty")
    faults: list[FieldFault] = []
    ranges = [made for word in words if (made := _range(word, field, faults)) is not None]
    joined = _joined(ranges, field, faults, None)
    if faults:
        raise InvalidInput(*faults)
    return joined


def format_ranges(ranges: Ranges) -> str:
    return " ".join(f"{_clock(start)}-{_clock(end)}" for start, end in ranges) or NOTHING


def overrides_of(lines: Iterable[str]) -> dict[str, str]:
    """`2027-01-11 10:00-12:00` a line: a day's own hours, for `from_json` to check. Lines of one day are taken
    together."""
    found: dict[str, list[str]] = {}
    for line in lines:
        day, _, ranges = line.strip().partition(" ")
        with suppress(ValueError):
            day = date.fromisoformat(day).isoformat()
        found.setdefault(day, []).append(ranges)
    return {day: " ".join(ranges) for day, ranges in found.items()}


def cap_of(text: str) -> int | str | None:
    """`3`; `none` is no cap. What is no number stays as it is, for `from_json` to refuse."""
    word = text.strip()
    if word.lower() == NOTHING:
        return None
    return int(word) if re.fullmatch(r"[0-9]{1,9}", word, re.ASCII) else word


def parse_off(text: str, field: str = "off") -> tuple[date, date]:
    """`2027-01-04..2027-01-08`, both days included, or one day. Raises InvalidInput."""
    first_word, dots, last_word = text.strip().partition("..")
    first = parse_day(first_word.strip(), field)
    last = parse_day(last_word.strip(), field) if dots else first
    if last < first:
        raise InvalidInput.of(field, "off_backwards", text=text.strip())
    return first, last


def parse_day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of(field, "bad_day", text=text) from None


def parse_length(text: str, field: str) -> timedelta:
    """`10m`, `24h`, `60d`; a bare 0 is no time. Raises InvalidInput."""
    word = text.strip().lower()
    if word == "0":
        return timedelta(0)
    found = _LENGTH.fullmatch(word)
    if found is None:
        raise InvalidInput.of(field, "bad_length", text=text.strip())
    return int(found[1]) * _UNITS[found[2]]


def format_length(length: timedelta) -> str:
    """In whole days from two days on, else in hours or minutes, so that 24h stays 24h."""
    minutes = length // _UNITS["m"]
    if minutes and minutes % (24 * 60) == 0 and minutes > 24 * 60:
        return f"{minutes // (24 * 60)}d"
    return f"{minutes // 60}h" if minutes and minutes % 60 == 0 else f"{minutes}m"


def parse_pledge(text: str, field: str = "pledge") -> Pledge | None:
    """`2/month at 24h`; `none` takes it back. Raises InvalidInput."""
    if text.strip().lower() == NOTHING:
        return None
    found = _PLEDGE.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise InvalidInput.of(field, "bad_pledge", text=text.strip())
    return Pledge(int(found[1]), parse_length(found[2], field))


def format_pledge(pledge: Pledge | None) -> str:
    return f"{pledge.per_month}/month at {format_length(pledge.notice)}" if pledge else NOTHING


def _days(word: str, field: str, faults: list[FieldFault]) -> list[int]:
    """Mon, Mon-Fri, Mon,Wed; a range may run over the week's end."""
    days: list[int] = []
    for part in word.split(","):
        first_word, dash, last_word = part.partition("-")
        ends = [_day(name) for name in ((first_word, last_word) if dash else (first_word, first_word))]
        if ends[0] is None or ends[1] is None:
            faults.append(FieldFault(field, "hours_unknown_day", {"day": part, "known": " ".join(DAYS)}))
            continue
        first, last = ends[0], ends[1]
        days.extend((first + step) % 7 for step in range((last - first) % 7 + 1))
    return days


def _day(name: str) -> int | None:
    short = name.strip().capitalize()
    return DAYS.index(short) if short in DAYS else None


def _range(word: str, field: str, faults: list[FieldFault]) -> tuple[int, int] | None:
    start_word, dash, end_word = word.replace("–", "-").partition("-")
    start, end = _minute(start_word), _minute(end_word)
    if not dash or start is None or end is None or start == END_OF_DAY:
        faults.append(FieldFault(field, "hours_bad_time", {"text": word}))
        return None
    if end <= start:
        faults.append(FieldFault(field, "hours_end_before_start", {"text": word}))
        return None
    return start, end


def _minute(word: str) -> int | None:
    found = _TIME.fullmatch(word)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2])
    if minute > 59 or hour * 60 + minute > END_OF_DAY:
        return None
    return hour * 60 + minute


def _joined(ranges: list[tuple[int, int]], field: str, faults: list[FieldFault], day: str | None) -> Ranges:
    """Sorted, touching ones as one; what overlaps is a slip of the pen that we ask about."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start < joined[-1][1]:
            text = format_ranges((joined[-1], (start, end)))
            faults.append(FieldFault(field, "hours_overlap", {"text": f"{day} {text}" if day else text}))
        elif joined and start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
