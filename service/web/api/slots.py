"""The times of a pair as JSON: every bookable slot, best first, a page at a time, and what stands against the rest."""

from __future__ import annotations

import base64
import binascii
import math
from bisect import bisect_right
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from pydantic_core import from_json, to_json

from service import numbers
from service.catalogue import Words
from service.domain import slots
from service.domain.errors import InvalidInput
from service.domain.interval import instant
from service.domain.sessions import SESSIONS
from service.operations.offering import Offer, SlotQuery
from service.operations.people import is_zone
from service.reasons import Reasons, refusal_text
from service.store.pair_rows import PairRow, PersonRow, Reads
from service.web.api.frame import Query
from service.web.api.shapes import source_json, z
from service.web.offers import offered

PAGE, LARGEST_PAGE = 100, 500
NEAREST = 10  # shown when the arc's own days have none


_WHOLE = {"type": "integer", "minimum": 1}
QUERY = (
    Query("session", "session type", {"type": "string", "enum": list(SESSIONS)}, required=True),
    Query("date", "id of a critical date: its arc's days, unless from or to is given", _WHOLE),
    Query("minutes", "length; without it the session type's own", _WHOLE),
    Query("from", "first day, where the mentee lives", {"type": "string", "format": "date"}),
    Query("to", "day after the last", {"type": "string", "format": "date"}),
    Query("zone", "adds local labels and changes nothing else", {"type": "string", "examples": ["Europe/Lisbon"]}),
    Query("refusals", "1: what stands against the rest", {"type": "string", "enum": ["0", "1"]}),
    Query("limit", "page size", _WHOLE | {"maximum": LARGEST_PAGE, "default": PAGE}),
    Query("cursor", "`next` of the page before", {"type": "string"}),
)


def slots_json(session: Reads, pair: PairRow, reader: PersonRow) -> str:
    """The whole answer, as answers.Slots describes it. Raises InvalidInput for a query that cannot be understood."""
    role: slots.Reader = "mentee" if reader.id == pair.mentee_id else "mentor"
    query = _query(pair, role)
    found = offered(session, query, pair)
    words = Words.of(reader.locale)
    reasons = Reasons(words)
    every, limit, zone = found.proposals.slots, _number("limit", PAGE, LARGEST_PAGE), _zone()
    start = bisect_right(every, _cursor(), key=_place)
    page = every[start : start + limit]
    more = start + limit < len(every)
    value = {
        "slots": _slots(page, reasons, zone),
        "sources": _json([source_json(source) for source in found.frame.sources]),
        "next": _json(_as_cursor(page[-1]) if more else None),
    }
    if found.nearest is not None:
        value["nearest"] = _slots(found.nearest.slots[:NEAREST], reasons, zone)
    if request.args.get("refusals") == "1":
        value["refusals"] = _json(_refusals(found, role, words, reader))
    return "{" + ",".join([f'"{name}":{text}' for name, text in value.items()]) + "}"


def fresh_slots(found: Offer, words: Words) -> list[dict[str, Any]]:
    """A few of them, for whoever was just too late."""
    fresh: list[dict[str, Any]] = from_json(_slots(found.proposals.slots[:10], Reasons(words), None))
    return fresh


def _query(pair: PairRow, role: slots.Reader) -> SlotQuery:
    session_key = request.args.get("session", "")
    return SlotQuery(
        pair_id=pair.id,
        session=session_key,
        date_id=_optional("date"),
        minutes=_optional("minutes"),
        first=_day("from"),
        last=_day("to"),
        reader=role,
    )


def _slots(page: list[slots.Slot], reasons: Reasons, zone: ZoneInfo | None) -> str:
    """As JSON: hundreds of models would cost more than finding the times, and dicts twice as much as text (measured in
    November 2026)."""
    told = [
        f'{{{_times(epoch, until)},"score":{score},"reasons":{reasons.of(why, epoch)}}}'
        for epoch, until, score, why in page
    ]
    if zone is not None:
        local = [_json(reasons.words.moment(slot.start, zone)) for slot in page]
        told = [f'{text[:-1]},"local":{label}}}' for text, label in zip(told, local, strict=True)]
    return f"[{','.join(told)}]"


@lru_cache(maxsize=8192)
def _times(epoch: int, until: int) -> str:
    """Written once for everybody: all slots are on one grid, and a few thousand of its times can be booked."""
    return f'"start":"{z(instant(epoch))}","end":"{z(instant(until))}"'


def _json(value: object) -> str:
    return to_json(value).decode()


def _refusals(found: Offer, role: slots.Reader, words: Words, reader: PersonRow) -> list[dict[str, Any]]:
    pair = found.frame.pair
    names = {pair.mentee_id: pair.mentee.first_name, pair.mentor_id: pair.mentor.first_name}
    return [
        {
            "start": z(each.start),
            "end": z(each.end),
            "code": each.code,
            **({"person": names[each.person_id]} if each.person_id is not None else {}),
            "text": refusal_text(words, slots.Refusal(each.code, each.person_id), names, reader.id),
        }
        for each in slots.refusals(found.frame.ask, role)
    ]


def _zone() -> ZoneInfo | None:
    name = request.args.get("zone")
    if name is None:
        return None
    if not is_zone(name):
        raise InvalidInput.of("zone", "unknown_zone", text=name[:60])
    return ZoneInfo(name)


def _optional(name: str) -> int | None:
    raw = request.args.get(name)
    if raw is None or raw == "":
        return None
    found = numbers.whole(raw)
    if found is None:
        raise InvalidInput.of(name, "not_a_number", text=raw[:20])
    return found


def _number(name: str, default: int, most: int) -> int:
    found = _optional(name)
    if found is None:
        return default
    if not 1 <= found <= most:
        raise InvalidInput.of(name, "number_range", least=1, most=most)
    return found


def _day(name: str) -> date | None:
    raw = request.args.get(name)
    if not raw:
        return None
    try:
        return numbers.day(raw)
    except ValueError:
        raise InvalidInput.of(name, "bad_day", text=raw[:20]) from None


def _place(slot: slots.Slot) -> tuple[float, int]:
    """Where a slot stands in the list: best first, the earlier of equals first."""
    return -slot.score, slot.epoch


def _cursor() -> tuple[float, int]:
    """The place of the last slot that was given out, so that one taken since moves nothing out of sight; before all
    without a cursor."""
    raw = request.args.get("cursor")
    if not raw:
        return -math.inf, 0
    try:
        score, _, epoch = base64.b64decode(raw + "==", altchars=b"-_", validate=False).decode().partition("@")
        found = numbers.whole(score, 3), numbers.whole(epoch, 11)
    except (ValueError, binascii.Error):
        found = None, None
    if found[0] is None or found[1] is None:
        raise InvalidInput.of("cursor", "bad_cursor")
    return -found[0], found[1]


def _as_cursor(last: slots.Slot) -> str:
    return base64.urlsafe_b64encode(f"{last.score}@{last.epoch}".encode()).decode().rstrip("=")
