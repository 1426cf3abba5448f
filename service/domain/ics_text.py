"""iCalendar text as programs write it becomes text that the parser reads as it was meant."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from service.domain.errors import AdapterError

LINE_END = re.compile(rb"\r\n?|\n")
FOLD = re.compile(rb"\n[ \t]")  # RFC 5545 3.1
FENCE = re.compile(rb"^(BEGIN|END):(VCALENDAR|VEVENT|VFREEBUSY)[ \t]*$", re.MULTILINE | re.IGNORECASE)
ZONE_BLOCK = re.compile(rb"^BEGIN:VTIMEZONE.*?^END:VTIMEZONE", re.DOTALL | re.MULTILINE | re.IGNORECASE)
ZONE_NAME = re.compile(rb"^TZID[^:\n]*:([^\n]+)", re.MULTILINE | re.IGNORECASE)
# A bare name may hold colons, which RFC 5545 3.1 forbids and Exchange writes (`tzone://Microsoft/Utc`, November 2026):
# it ends before the colon that a date follows.
ZONE_USED = re.compile(rb';TZID=(?:"([^"\n]*)"|([^";\n]*?)(?=;|:\d{8})|([^";:\n]*)(?=[;:]))', re.IGNORECASE)
MOST_ZONES = 400  # icalendar keeps each that a file defines for as long as the process lives
EXCHANGE = {"tzone://microsoft/utc": "UTC", "tzone://microsoft/custom": "Customized Time Zone"}


def normalise(ics: bytes) -> bytes:
    """One line a property, lines that end alike, and zones under names that mean one thing.

    Raises AdapterError `cut_short` when something that begins does not end: what is missing would look free.
    """
    text = FOLD.sub(b"", LINE_END.sub(b"\n", ics.lstrip(b"\xef\xbb\xbf \r\n\t")))
    fences = [(edge.upper(), kind.upper()) for edge, kind in FENCE.findall(text)]
    for kind in {kind for _, kind in fences}:
        if fences.count((b"BEGIN", kind)) != fences.count((b"END", kind)):
            raise AdapterError("cut_short", permanent=False)
    return _name_zones(text)


@cache
def known_zone(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, a Windows name, or a vendor's path to one (RFC 5545 3.2.19)."""
    name = name.strip()
    name = WINDOWS_TO_OLSON.get(name, name)
    parts = [part for part in name.split("/") if part]
    if len(parts) == 1 and parts[0].upper() not in {"UTC", "GMT"}:
        return None  # "EST", "GMT+1" or "localtime" mean different things to different programs
    if name.startswith("/"):
        candidates = ["/".join(parts[first:]) for first in range(len(parts) - 1)]
    else:
        candidates = [name.upper() if len(parts) == 1 else name]
    for candidate in candidates:
        try:
            return ZoneInfo(candidate)
        except (ValueError, OSError, KeyError):
            continue
    return None


def _name_zones(text: bytes) -> bytes:
    """Known zones by their IANA names; those that the file defines under names that hold for this definition alone.

    icalendar keeps the first definition of a name for the whole process: "Our Office" of one person's file would set
    the hours of everybody else's (seen with 7.3.0, November 2026).
    """
    own: dict[str, str] = {}

    def define(block: re.Match[bytes]) -> bytes:
        found = ZONE_NAME.search(block[0])
        if found is None:
            return block[0]
        name = _text(found[1])
        if known_zone(name) is None or ("/" not in name and name not in WINDOWS_TO_OLSON):
            own[name] = "own-" + hashlib.sha256(block[0]).hexdigest()[:16]
        return block[0].replace(found[0], b"TZID:" + own.get(name, name).encode())

    def use(found: re.Match[bytes]) -> bytes:
        name = _text(next(part for part in found.groups() if part is not None))
        name = EXCHANGE.get(name.lower(), name)
        zone = None if name in own else known_zone(name)
        return f';TZID="{own.get(name, name) if zone is None else zone.key}"'.encode()

    text = ZONE_BLOCK.sub(define, text)
    if len(own) > MOST_ZONES:
        raise ValueError("more zones than there are on earth")
    return ZONE_USED.sub(use, text)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").strip().strip('"')
