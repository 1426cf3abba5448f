"""Words: keyed message catalogues (gettext .po), and dates and times as the reader's locale and zone write them."""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_location
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FALLBACK = "en"


class MissingWords(KeyError):
    """A key that no catalogue has: a mistake of ours, found by the tests."""


@cache
def _translations(language: str) -> gettext.GNUTranslations:
    """Every .po of a language, compiled in memory; a key in two files is a mistake."""
    merged: gettext.GNUTranslations | None = None
    folder = resources.files("service").joinpath("catalogues", language)
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".po"):
            continue
        compiled = io.BytesIO()
        write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), abort_invalid=True))
        compiled.seek(0)
        translations = gettext.GNUTranslations(compiled)
        if merged is None:
            merged = translations
        else:
            merged._catalog.update(translations._catalog)  # type: ignore[attr-defined]
    return merged or gettext.GNUTranslations()


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Says things in one locale; `of` keeps one for each. `en` writes 24 hours, `en_US` 12, as Babel's data for the
    locale has it."""

    locale: Locale
    _times: dict[tuple[int, int], str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, locale: str) -> Words:
        return _words(locale)

    def __call__(self, key: str, /, n: int | None = None, **params: Any) -> str:
        """The catalogue's sentence with `{params}` filled in; `n` picks the plural form and fills `{n}`.

        Raises MissingWords for an unknown key.
        """
        catalogue = _translations(FALLBACK)
        found = key if n is None else catalogue.ngettext(key, key, n)
        if found == key:  # no number, or words that are the same for every number
            found = catalogue.gettext(key)
        if found == key:
            raise MissingWords(key)
        return found.format(n=n, **params) if params or n is not None else found

    def has(self, key: str) -> bool:
        catalogue = _translations(FALLBACK)
        # Words with plural forms are under another key of gettext's, which `gettext` itself looks at only lately.
        return catalogue.gettext(key) != key or catalogue.ngettext(key, key, 1) != key

    def day(
        self, moment: datetime | date, zone: ZoneInfo | None = None, *, long: bool = False, year: bool = False
    ) -> str:
        """Fri 26 Feb; long: Friday 26 February; with the year where it matters."""
        when = moment.astimezone(zone) if isinstance(moment, datetime) and zone else moment
        skeleton = ("yMMMMEEEEd" if year else "MMMMEEEEd") if long else ("yMMMEd" if year else "MMMEd")
        return _written_day(self.locale, skeleton, when.date() if isinstance(when, datetime) else when)

    def weekday(self, moment: datetime, zone: ZoneInfo) -> str:
        return format_date(moment.astimezone(zone), "EEEE", locale=self.locale)

    def time(self, moment: datetime, zone: ZoneInfo) -> str:
        """15:00 or 3:00 PM in the zone; a repeated hour carries its offset, so that each label means one instant."""
        local = moment.astimezone(zone)
        wall = local.hour, local.minute
        told = self._times.get(wall)
        if told is None:
            told = format_time(time(*wall), "short", locale=self.locale).replace("\u202f", " ")
            self._times[wall] = told
        if not _changes(zone, local.date()) or not _repeats(local):
            return told
        offset = local.strftime("%z")
        return f"{told} (UTC{offset[:3]}:{offset[3:]})"

    def moment(self, moment: datetime, zone: ZoneInfo, *, year: bool = False) -> str:
        """Fri 26 Feb, 15:00"""
        return f"{self.day(moment, zone, year=year)}, {self.time(moment, zone)}"

    def place_of(self, zone: ZoneInfo) -> str:
        """The zone's city as people say it: New York, Lisbon."""
        return _city(self.locale, zone)

    def items(self, items: Iterable[str]) -> str:
        """a, b and c"""
        return format_list(list(items), locale=self.locale)


@lru_cache(maxsize=64)
def _words(locale: str) -> Words:
    """One for each locale, with what it has written: Babel takes 25 microseconds for a time, and a page has hundreds of
    times, of which few are different."""
    try:
        # Plain English has American dates in CLDR; people who chose no country get day before month and 24 hours.
        return Words(Locale.parse("en_GB" if locale == FALLBACK else locale))
    except (UnknownLocaleError, ValueError):
        return Words(Locale.parse("en_GB"))


@lru_cache(maxsize=4096)
def _written_day(locale: Locale, skeleton: str, day: date) -> str:
    return format_date(day, _pattern(locale, skeleton), locale=locale).replace(",", "")


def _pattern(locale: Locale, skeleton: str) -> str:
    """Few locales have their own for the words in full; the others' short one is widened (UTS 35 part 4, "Matching
    Skeletons")."""
    known = locale.datetime_skeletons
    own = known.get(skeleton)
    if own is not None:
        return str(own.pattern)
    short = known[skeleton.replace("MMMM", "MMM").replace("EEEE", "E")].pattern
    return re.sub("M{3,}", "MMMM", re.sub("E+|c{3,}", "EEEE", short))


@lru_cache(maxsize=1024)
def _city(locale: Locale, zone: ZoneInfo) -> str:
    told: str = get_timezone_location(zone, locale=locale, return_city=True)
    return told


@lru_cache(maxsize=4096)
def _changes(zone: ZoneInfo, day: date) -> bool:
    """Whether the zone's offset may change on this local day: only then can a wall time come twice."""
    start = datetime.combine(day, time(), zone)
    return start.utcoffset() != (start + timedelta(days=1)).replace(fold=1).utcoffset()


def _repeats(local: datetime) -> bool:
    """Whether this wall time comes twice (PEP 495: the earlier offset is the larger), not one that is skipped."""
    earlier, later = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return earlier is not None and later is not None and earlier > later
