"""iCalendar text as programs write it becomes text that the parser reads as it was meant."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from service.domain.errors import AdapterError
from service.domain.file_zones import BLOCK, NAME, changes_yearly

LINE_END = re.compile(rb"\r\n?|\n")
FOLD = re.compile(rb"\n+[ \t]")  # RFC 5545 3.1, and as icalendar has it across empty lines
FENCE_WITH_MORE = re.compile(rb"^(?:BEGIN|END);", re.MULTILINE | re.IGNORECASE)  # icalendar takes these for fences too
EDGE_OF_A_ZONE = re.compile(rb"^(BEGIN|END):VTIMEZONE[ \t]*$", re.MULTILINE | re.IGNORECASE)
FENCE = re.compile(rb"^(BEGIN|END):(VCALENDAR|VEVENT|VFREEBUSY)[ \t]*$", re.MULTILINE | re.IGNORECASE)
# A bare name may hold colons, which RFC 5545 3.1 forbids and Exchange writes (`tzone://Microsoft/Utc`, November 2026):
# it ends before the colon that a date follows.
ZONE_USED = re.compile(rb';TZID=(?:"([^"\n]*)"|([^";\n]*?)(?=;|:\d{8})|([^";:\n]*)(?=[;:]))', re.IGNORECASE)
MOST_ZONES = 400  # icalendar keeps each that a file defines for as long as the process lives
EXCHANGE = {"tzone://microsoft/utc": "UTC", "tzone://microsoft/custom": "Customized Time Zone"}


def normalise(ics: bytes) -> bytes:
    """One line a property, lines that end alike, and zones under names that mean one thing.

    Raises AdapterError `cut_short` when something that begins does not end: what is missing would look free; and
    ValueError for what another reader could take for something else than we do.
    """
    text = FOLD.sub(b"", LINE_END.sub(b"\n", ics.lstrip(b"\xef\xbb\xbf \r\n\t")))
    if FENCE_WITH_MORE.search(text):
        raise ValueError("a component that begins or ends with parameters")
    fences = [(edge.upper(), kind.upper()) for edge, kind in FENCE.findall(text)]
    for kind in {kind for _, kind in fences}:
        if fences.count((b"BEGIN", kind)) != fences.count((b"END", kind)):
            raise AdapterError("cut_short", permanent=False)
    edges = [edge.upper() for edge in EDGE_OF_A_ZONE.findall(text)]
    if edges != [b"BEGIN", b"END"] * (len(edges) // 2):
        raise AdapterError("cut_short", permanent=False)
    return _name_zones(text)


@lru_cache(maxsize=1024)
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
    the hours of everybody else's (seen with 7.3.0, November 2026). Definitions that nobody needs, and those that no
    clock follows, are left out: a time in one of the latter is in a zone that is not known.
    """
    own: dict[str, str] = {}

    def define(block: re.Match[bytes]) -> bytes:
        found = NAME.search(block[0])
        name = _text(found[1]) if found is not None else ""
        if found is None or (known_zone(name) is not None and ("/" in name or name in WINDOWS_TO_OLSON)):
            return b""
        own[name] = "own-" + hashlib.sha256(block[0]).hexdigest()[:16]
        return block[0].replace(found[0], b"TZID:" + own[name].encode()) if changes_yearly(block[0]) else b""

    def use(found: re.Match[bytes]) -> bytes:
        name = _text(next(part for part in found.groups() if part is not None))
        name = EXCHANGE.get(name.lower(), name)
        zone = None if name in own else known_zone(name)
        return f';TZID="{own.get(name, name) if zone is None else zone.key}"'.encode()

    text = BLOCK.sub(define, text)
    if len(own) > MOST_ZONES:
        raise ValueError("more zones than there are on earth")
    return ZONE_USED.sub(use, text)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").strip().strip('"')
