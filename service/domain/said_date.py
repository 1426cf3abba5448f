"""A day as people write it in a mail, in the languages that they write in, at the beginning of a text."""

from __future__ import annotations

import re
from datetime import date, timedelta

MONTHS = (
    "january|jan|januar|janvier|janv|enero|ene|janeiro|gennaio|gen|januari|stycznia|styczeń|января|январь",
    "february|feb|februar|février|févr|fév|febrero|fevereiro|fev|febbraio|februari|lutego|luty|февраля|февраль",
    "march|mar|märz|mär|marz|mars|marzo|março|maart|mrt|marts|marca|marzec|марта|март",
    "april|apr|avril|avr|abril|abr|aprile|kwietnia|kwiecień|апреля|апрель",
    "may|mai|mayo|maio|maggio|mag|mei|maj|maja|мая|май",
    "june|jun|juni|juin|junio|junho|giugno|giu|czerwca|czerwiec|июня|июнь",
    "july|jul|juli|juillet|juil|julio|julho|luglio|lug|lipca|lipiec|июля|июль",
    "august|aug|août|aout|agosto|ago|augustus|augusti|sierpnia|sierpień|августа|август",
    "september|sept|sep|septembre|septiembre|setembro|set|settembre|września|wrzesień|сентября|сентябрь",
    "october|oct|oktober|okt|octobre|octubre|outubro|out|ottobre|ott|października|październik|октября|октябрь",
    "november|nov|novembre|noviembre|novembro|listopada|listopad|ноября|ноябрь",
    "december|dec|dezember|dez|décembre|déc|diciembre|dic|dezembro|dicembre|desember|grudnia|grudzień|декабря|декабрь",
)
WEEKDAYS = (
    "monday|mon|montag|lundi|lunes|segunda-feira|segunda|lunedì|maandag|mandag|måndag|poniedziałek|понедельник",
    "tuesday|tue|dienstag|mardi|martes|terça-feira|terça|martedì|dinsdag|tirsdag|tisdag|wtorek|вторник",
    "wednesday|wed|mittwoch|mercredi|miércoles|quarta-feira|quarta|mercoledì|woensdag|onsdag|środę|środa|среду|среда",
    "thursday|thu|donnerstag|jeudi|jueves|quinta-feira|quinta|giovedì|donderdag|torsdag|czwartek|четверг",
    "friday|fri|freitag|vendredi|viernes|sexta-feira|sexta|venerdì|vrijdag|fredag|piątek|пятницу|пятница",
    "saturday|sat|samstag|samedi|sábado|sabato|zaterdag|lørdag|lördag|sobotę|sobota|субботу|суббота",
    "sunday|sun|sonntag|dimanche|domingo|domenica|zondag|søndag|söndag|niedzielę|niedziela|воскресенье",
)
TOMORROW = "tomorrow|morgen|demain|mañana|amanhã|domani|i morgen|imorgen|imorgon|i morgon|jutro|завтра|明日"
BEFORE = (
    r"(?:to|until|till|by|on|for|the|auf|bis|zum|am|an|den|dem|au|à|le|pour|jusqu.?au|a|al|el|la|hasta|para|até|o"
    r"|dia|il|per|entro|naar|tot|op|til|på|do|na|dnia|на|до|к)\s+|l['’]\s*"
)
AFTER = r"(?![\w-])"
NUMBERED = re.compile(
    r"(?P<day>\d{1,2})(?P<between>[./-])\s?(?P<month>\d{1,2})(?:(?P=between)\s?(?P<year>\d{4})?)?" + AFTER
)
ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})" + AFTER)
JAPANESE = re.compile(r"(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?P<day>\d{1,2})日(?:に|まで|へ)*")
_YEAR = r"(?:,?\s+(?:de\s+|del\s+)?(?P<year>\d{4}))?"
DAY_FIRST = [
    re.compile(rf"(?i)(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s+(?:of\s+|de\s+|d['’])?(?:{names})\.?{_YEAR}{AFTER}")
    for names in MONTHS
]
MONTH_FIRST = [
    re.compile(rf"(?i)(?:{names})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?{_YEAR}{AFTER}") for names in MONTHS
]
WEEKDAY = [re.compile(rf"(?i)(?:{names})\.?{AFTER}") for names in WEEKDAYS]
LEAD = re.compile(rf"(?i)(?:{BEFORE}){{0,3}}")
NEXT_DAY = re.compile(rf"(?i)(?:{TOMORROW}){AFTER}")
AFTER_WEEKDAY = re.compile(r"(?i)[\s,]+(?:(?:the|den|dem|le|el|o|il|de|dnia)\s+)?")


def day_at_start(text: str, today: date, *, month_first: bool = False) -> tuple[date, str] | None:
    """The day that the text begins with, not before `today`, and what follows it; words like "to" and "until" may come
    first. Without a year it is the next one; `month_first`: as in the United States, 3/5 is in March. None when there
    is none, or it has passed."""
    start = LEAD.match(text)
    at = start.end() if start is not None else 0
    found = _weekday(text, at, today)
    if found is None:
        found = _exact(text, at, today, month_first) or _tomorrow(text, at, today)
    elif (between := AFTER_WEEKDAY.match(text, found[1])) is not None:  # "Friday, 5 March"
        found = _exact(text, between.end(), today, month_first) or found
    if found is None or found[0] < today:
        return None
    return found[0], text[found[1] :].lstrip(" ,.;:!–-\n")


def _tomorrow(text: str, at: int, today: date) -> tuple[date, int] | None:
    found = NEXT_DAY.match(text, at)
    return (today + timedelta(days=1), found.end()) if found is not None else None


def _weekday(text: str, at: int, today: date) -> tuple[date, int] | None:
    for number, name in enumerate(WEEKDAY):
        found = name.match(text, at)
        if found is not None:
            return today + timedelta(days=(number - today.weekday() - 1) % 7 + 1), found.end()
    return None


def _exact(text: str, at: int, today: date, month_first: bool) -> tuple[date, int] | None:
    for form in (ISO, JAPANESE):
        found = form.match(text, at)
        if found is not None:
            return _on(found, int(found["month"]), int(found["day"]), today)
    found = NUMBERED.match(text, at)
    if found is not None:
        one, two = int(found["day"]), int(found["month"])
        slashed = month_first and found["between"] == "/"
        return _on(found, *((one, two) if slashed else (two, one)), today)
    for number, forms in enumerate(zip(DAY_FIRST, MONTH_FIRST, strict=True), 1):
        for form in forms:
            found = form.match(text, at)
            if found is not None:
                return _on(found, number, int(found["day"]), today)
    return None


def _on(found: re.Match[str], month: int, day: int, today: date) -> tuple[date, int] | None:
    """Without a year the next such day; None for one that no calendar has."""
    years = [int(found["year"])] if found["year"] else range(today.year, today.year + 2)
    for year in years:
        try:
            said = date(year, month, day)
        except ValueError:
            continue
        if found["year"] or said >= today:
            return said, found.end()
    return None
