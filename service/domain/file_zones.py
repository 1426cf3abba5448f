"""Time zones that a file defines for itself: which of them are read, and how much work that is."""

from __future__ import annotations

import re

BLOCK = re.compile(rb"^BEGIN:VTIMEZONE[ \t]*$.*?^END:VTIMEZONE[ \t]*$", re.DOTALL | re.MULTILINE | re.IGNORECASE)
NAME = re.compile(rb"^TZID[^:\n]*:([^\n]+)", re.MULTILINE | re.IGNORECASE)
OBSERVANCE = re.compile(rb"^BEGIN:(?:STANDARD|DAYLIGHT)[ \t]*$", re.MULTILINE | re.IGNORECASE)
START = re.compile(rb"^DTSTART[^:\n]*:(\d{4})", re.MULTILINE | re.IGNORECASE)
RULE = re.compile(rb"^RRULE[^:\n]*:([^\n]*)", re.MULTILINE | re.IGNORECASE)
# Neither may stand in a zone (RFC 5545 3.6.5), and icalendar never comes back from either (7.3.0, November 2026).
EXCEPTED = re.compile(rb"^EX(?:DATE|RULE)[;:]", re.MULTILINE | re.IGNORECASE)
LISTED = re.compile(rb"^RDATE[^:\n]*:([^\n]*)", re.MULTILINE | re.IGNORECASE)
# How clocks are changed: once a year, on a day of one month. Every other rule of RFC 5545 3.3.10 may stand here as
# well, and icalendar unrolls it to 2038: one that comes each second would never be done (7.3.0, November 2026).
DAY = r"(MO|TU|WE|TH|FR|SA|SU)"
ONE = r"\d{1,2}"
PARTS = {
    "FREQ": r"YEARLY", "INTERVAL": r"1", "BYMONTH": r"0?[1-9]|1[0-2]", "BYDAY": rf"[+-]?[1-5]?{DAY}", "WKST": DAY,
    "BYHOUR": ONE, "BYMINUTE": ONE, "BYSECOND": ONE, "BYMONTHDAY": r"-?\d{1,2}(,-?\d{1,2}){0,6}",
    "UNTIL": r"\d{8}(T\d{6}Z?)?", "COUNT": r"\d{1,5}",
}  # fmt: skip
UNROLLED_TO = 2038
DAYS_OF_A_WEEK = 7
EVERY_MONTHS_DAYS = 28
# In steps of `repeats`, measured on 2 cores: a change 3 microseconds, an observance 200, a listed date 45.
STEPS_OF_AN_OBSERVANCE, STEPS_OF_A_LISTED_CHANGE = 80, 20


def changes_yearly(block: bytes) -> bool:
    """Whether every rule of a VTIMEZONE is one by which clocks are changed, and comes to pass."""
    return EXCEPTED.search(block) is None and all(
        _is_yearly(rule.decode("utf-8", "replace")) for rule in RULE.findall(block)
    )


def steps_of_zones(text: bytes) -> dict[bytes, int]:
    """Roughly how many steps it takes to unroll each zone that the file defines, by its name."""
    found: dict[bytes, int] = {}
    for block in BLOCK.findall(text):
        name = NAME.search(block)
        if name is not None:
            found[name[1]] = sum(_steps_of(part) for part in OBSERVANCE.split(block)[1:])
    return found


def _steps_of(observance: bytes) -> int:
    start = START.search(observance)
    years = max(UNROLLED_TO - int(start[1]) if start is not None else UNROLLED_TO, 1)
    lists: list[bytes] = LISTED.findall(observance)
    rules: list[bytes] = RULE.findall(observance)
    listed = sum(dates.count(b",") + 1 for dates in lists)
    changes = sum(years * (DAYS_OF_A_WEEK if b"BYMONTHDAY" in rule.upper() else 1) for rule in rules)
    return STEPS_OF_AN_OBSERVANCE + changes + STEPS_OF_A_LISTED_CHANGE * listed


def _is_yearly(rule: str) -> bool:
    pairs = [part.partition("=") for part in rule.strip().upper().rstrip(";").split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(parts) < len(pairs) or "FREQ" not in parts:
        return False
    if not all(name in PARTS and re.fullmatch(PARTS[name], value) for name, value in parts.items()):
        return False
    days = parts.get("BYMONTHDAY")
    if days is None:
        return True
    # A day that a month never has, or an ordinal that never falls on it, is looked for until the year 9999.
    return (
        "BYMONTH" in parts
        and not any(char.isdigit() for char in parts.get("BYDAY", ""))
        and any(1 <= abs(int(day)) <= EVERY_MONTHS_DAYS for day in days.split(","))
    )
