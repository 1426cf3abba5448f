"""The times of a pair as JSON: every bookable slot, best first, a page at a time, and what stands against the rest."""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy.orm import Session

from service import numbers
from service.catalogue import Words
from service.domain import slots
from service.domain.errors import InvalidInput
from service.operations.offering import Offer, SlotQuery, offer
from service.operations.people import is_zone
from service.reasons import reason_text, refusal_text
from service.store.tables import Pair, Person
from service.web.api.shapes import source_json, z

PAGE, LARGEST_PAGE = 100, 500
NEAREST = 10  # shown when the arc's own days have none

QUERY = (
    ("session", "session type"), ("date", "id of a critical date"), ("minutes", "length"), ("from", "first day"),
    ("to", "day after the last"), ("zone", "adds local labels"), ("refusals", "1: what stands against the rest"),
    ("limit", "page size, at most 500"), ("cursor", "where the next page begins"),
)  # fmt: skip


def slots_json(session: Session, now: datetime, max_age: Any, pair: Pair, reader: Person) -> dict[str, Any]:
    """The whole answer. Raises InvalidInput for a query that cannot be understood."""
    role: slots.Reader = "mentee" if reader.id == pair.mentee_id else "mentor"
    query = _query(pair, role)
    found = offer(session, now, max_age, query)
    words = Words.of(reader.locale)
    limit, start = _number("limit", PAGE, LARGEST_PAGE), _cursor()
    page = found.proposals.slots[start : start + limit]
    more = start + limit < len(found.proposals.slots)
    zone = _zone()
    told: dict[tuple[int, str], str] = {}
    value: dict[str, Any] = {
        "slots": [_slot(slot, words, zone, told) for slot in page],
        "sources": [source_json(source) for source in found.frame.sources],
        "next": _as_cursor(start + limit) if more else None,
    }
    if found.nearest is not None:
        value["nearest"] = [_slot(slot, words, zone, told) for slot in found.nearest.slots[:NEAREST]]
    if request.args.get("refusals") == "1":
        value["refusals"] = _refusals(found, role, words, reader)
    return value


def fresh_slots(session: Session, now: datetime, max_age: Any, query: SlotQuery, words: Words) -> list[dict[str, Any]]:
    """A few fresh times, for whoever was just too late."""
    found = offer(session, now, max_age, query)
    return [_slot(slot, words, None, {}) for slot in found.proposals.slots[:10]]


def _query(pair: Pair, role: slots.Reader) -> SlotQuery:
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


def _slot(slot: slots.Slot, words: Words, zone: ZoneInfo | None, told: dict[tuple[int, str], str]) -> dict[str, Any]:
    reasons = []
    for reason in slot.reasons:
        # A reason's words hang on its slot only through the hour on the other's wall.
        key = (id(reason), "" if "zone" not in reason.params else f"{slot.start:%j%H%M}")
        if key not in told:
            told[key] = reason_text(words, reason, slot.start)
        reasons.append({"code": reason.code, "text": told[key]})
    value: dict[str, Any] = {"start": z(slot.start), "end": z(slot.end), "score": slot.score, "reasons": reasons}
    if zone is not None:
        value["local"] = words.moment(slot.start, zone)
    return value


def _refusals(found: Offer, role: slots.Reader, words: Words, reader: Person) -> list[dict[str, Any]]:
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


def _cursor() -> int:
    raw = request.args.get("cursor")
    if not raw:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(raw.encode() + b"==").decode().removeprefix("from:")))
    except (ValueError, binascii.Error):
        raise InvalidInput.of("cursor", "bad_cursor") from None


def _as_cursor(start: int) -> str:
    return base64.urlsafe_b64encode(f"from:{start}".encode()).decode().rstrip("=")
