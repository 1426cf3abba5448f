"""A journal as one file, and back: a zip of the same things for people, programs and calendars."""

from __future__ import annotations

import io
import zipfile
import zlib
from datetime import datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import from_json

from service.catalogue import Words
from service.domain.errors import InvalidInput
from service.journal import FORMAT, VERSION, Journal
from service.messages import journal as messages
from service.messages import pdf

MOST_FILE = 20 * 1024 * 1024
MOST_DATA = 10 * 1024 * 1024  # a year of one pair is some 100 KB
MOST_MEMBERS = 2_000
DATA = "data.json"
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # bit 0 of the flags (APPNOTE.TXT 4.4.4)
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


def pack(journal: Journal, locale: str, zone: ZoneInfo, now: datetime, *, brought: int = 0) -> bytes:
    """The whole file, or an error and nothing of it. `brought`: how many of its pairs, the last, are from elsewhere: no
    PDF is made of what they signed, for a file of 3 KB can ask for seconds of it."""
    own = len(journal.pairs) - brought
    words = Words.of(locale)
    members: list[tuple[str, str | bytes]] = [
        ("journal.md", messages.as_markdown(words, journal, zone, now)),
        (DATA, journal.as_json()),
        ("meetings.ics", messages.as_calendar(words, journal, now)),
    ]
    for number, pair in enumerate(journal.pairs, 1):
        for each in pair.agreements:
            if each.document is not None and each.signed_at is not None:
                path = messages.agreement_path(number, each)
                members.append((f"{path}.md", each.document))
                if number <= own:
                    members.append((f"{path}.pdf", pdf.as_pdf(each.document, each.signed_at)))
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name, now.astimezone(zone).timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return into.getvalue()


def unpack(octets: bytes) -> Journal:
    """Reads `data.json` and nothing else, and writes nothing anywhere. Raises InvalidInput for what is no journal, is
    broken, too large, or of a newer version."""
    if len(octets) > MOST_FILE:
        raise _fault("file_too_large", most=MOST_FILE // 1024 // 1024)
    try:
        file = zipfile.ZipFile(io.BytesIO(octets))
    except UNREADABLE:
        raise _fault("not_journal") from None
    with file:
        return _journal(_data(file))


def _data(file: zipfile.ZipFile) -> bytes:
    members = file.infolist()
    names = [each.filename for each in members]
    if len(members) > MOST_MEMBERS or any(_leads_out(name) for name in names) or names.count(DATA) != 1:
        raise _fault("not_journal")
    member = file.getinfo(DATA)
    if member.flag_bits & ENCRYPTED or member.compress_type not in PLAIN:
        raise _fault("not_journal")
    try:
        with file.open(member) as opened:
            data = opened.read(MOST_DATA + 1)  # what it says of its own size is not believed
    except UNREADABLE:
        raise _fault("journal_broken", where=DATA) from None
    if len(data) > MOST_DATA:
        raise _fault("journal_too_large", most=MOST_DATA // 1024 // 1024)
    return data


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name


def _journal(data: bytes) -> Journal:
    try:
        found = from_json(data)
    except ValueError:
        raise _fault("journal_broken", where=DATA) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _fault("not_journal")
    version = found.get("version")
    if isinstance(version, int) and version > VERSION:
        raise _fault("journal_newer")
    try:
        return Journal.model_validate_json(data)
    except ValidationError as fault:
        where = ".".join(map(str, fault.errors(include_url=False, include_input=False)[0]["loc"]))
        raise _fault("journal_broken", where=where[:80]) from None


def _fault(code: str, **params: object) -> InvalidInput:
    return InvalidInput.of("file", code, **params)
