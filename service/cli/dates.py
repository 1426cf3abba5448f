"""Dates that matter, scheduling links, and the times that are offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date as day_type
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from service import links, numbers
from service.cli.frame import WHOLE, WORDS, instant, json_option, opened, show, table
from service.domain.access import Role
from service.domain.errors import InvalidInput
from service.domain.sessions import KINDS, SESSIONS
from service.operations import arcs, people, personal_links
from service.operations.arcs import ArcLine, DateInput
from service.operations.looks import note_look
from service.operations.offering import Offer, SlotQuery, offer, refusal_of
from service.reasons import reason_text, refusal_text, why_none_text

NEAREST = 10  # shown when the arc's own days have none


@click.group()
def date() -> None:
    """Dates that matter to a mentee."""


@date.command("add")
@click.argument("pair_id", type=WHOLE)
@click.option("--kind", type=click.Choice(list(KINDS)), default="presentation", show_default=True)
@click.option("--at", metavar="2027-03-04T15:00")
@click.option("--zone")
@click.option("--until", metavar="2027-03-04T16:00")
@click.option("--run-minutes", type=int)
@click.option("--label")
@click.option("--shared-label")
@click.option("--ics", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def add_date(
    pair_id: int,
    kind: str,
    at: str | None,
    zone: str | None,
    until: str | None,
    ics: Path | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Adds a date and prints the arc that it proposes."""
    if (at is None) == (ics is None) or (ics is not None and until is not None):
        raise click.UsageError(WORDS("cli.date.when"))
    with opened() as services, services.database.write() as session:
        pair = people.load_pair(session, pair_id)
        zone = zone or pair.mentee.zone
        if ics is not None:
            found = arcs.read_ics_date(ics.read_bytes(), kind, zone)
            wanted = replace(found, **{name: value for name, value in said.items() if value is not None})
        else:
            wanted = DateInput(
                kind, _wall("at", at or "", zone), zone, _wall("until", until, zone) if until else None, **said
            )
        made = arcs.add_date(session, services.clock(), pair, wanted)
        lines = arcs.arc_of(session, services.clock(), made)
        value = {
            "id": made.id, "kind": made.kind, "starts_at": instant(made.starts_at),
            "arc": [_part(line) for line in lines],
        }  # fmt: skip
        told = [WORDS("cli.date.added", date=made.id), *table([_row(line) for line in lines])]
    show(as_json, value, told)


def _wall(field: str, raw: str, zone: str) -> datetime:
    """The wall-clock time in the zone; a moment with an offset of its own is brought to that wall."""
    try:
        found = numbers.moment(raw)
    except ValueError:
        raise InvalidInput.of(field, "bad_wall_time", text=raw[:40]) from None
    if found.tzinfo is not None and people.is_zone(zone):
        found = found.astimezone(ZoneInfo(zone))
    return found.replace(tzinfo=None)


def _part(line: ArcLine) -> dict[str, Any]:
    part = line.part
    return {
        "role": part.role,
        "session": part.session,
        "from": instant(part.window.start) if part.window else None,
        "to": instant(part.window.end) if part.window else None,
        "prefer_on": part.prefer_on.isoformat() if part.prefer_on else None,
        "minutes": int(part.duration.total_seconds() // 60),
        "note": part.note,
        "meeting": line.meeting.id if line.meeting else None,
    }


def _row(line: ArcLine) -> tuple[str, ...]:
    part = _part(line)
    return (part["role"], part["from"] or "-", part["to"] or "-", f"{part['minutes']} min", part["note"] or "")


@click.command()
@click.argument("what")
@click.argument("who", required=False)
@click.option("--session", "session_key", type=click.Choice(list(SESSIONS)))
@click.option("--date", "date_id", type=WHOLE)
@json_option
def link(what: str, who: str | None, session_key: str | None, date_id: int | None, as_json: bool) -> None:
    """`link PAIR` prints a scheduling link for the mentee; `link rotate PERSON` makes old links useless."""
    with opened() as services, services.database.write() as session:
        now, base = services.clock(), services.settings.base_url
        if what == "rotate":
            fresh = personal_links.rotate_links(session, now, people.load_person(session, who or ""))
            urls = [links.url_of(base, each) for each in fresh]
            value: dict[str, Any] = {"links": urls}
        else:
            pair_id = numbers.whole(what)
            if pair_id is None or who is not None:
                raise click.UsageError(WORDS("cli.link.how"))
            pair = people.load_pair(session, pair_id)
            if date_id is not None:
                arcs.load_date(session, date_id, pair.mentee_id)
            note_look(session, now, pair.id, Role.OPERATOR, "link")
            urls = [links.url_of(base, personal_links.scheduling_link(session, now, pair, session_key, date_id))]
            value = {"url": urls[0]}
    show(as_json, value, urls)


@click.command()
@click.argument("pair_id", type=WHOLE)
@click.option("--session", "session_key", required=True, type=click.Choice(list(SESSIONS)))
@click.option("--date", "date_id", type=WHOLE)
@click.option("--minutes", type=WHOLE)
@click.option("--from", "first", metavar="2027-02-01")
@click.option("--to", "last", metavar="2027-03-01")
@click.option("--why", metavar="TIME")
@json_option
def slots(
    pair_id: int,
    session_key: str,
    date_id: int | None,
    minutes: int | None,
    first: str | None,
    last: str | None,
    why: str | None,
    as_json: bool,
) -> None:
    """The proposals with their reasons, and where both people's times come from."""
    query = SlotQuery(pair_id, session_key, date_id, minutes, _day("from", first), _day("to", last))
    with opened() as services, services.database.write() as session:
        found = offer(session, services.clock(), services.settings.busy_max_age, query)
        note_look(session, services.clock(), pair_id, Role.OPERATOR, "times")
    if why is not None:
        _why(found, why, as_json)
        return
    zone = ZoneInfo(found.frame.pair.mentee.zone)
    value = {"slots": [_slot(slot) for slot in found.proposals.slots], "sources": _sources(found), "next": None}
    rows = [
        (
            WORDS.moment(slot.start, zone),
            str(slot.score),
            "; ".join(reason_text(WORDS, r, slot.start) for r in slot.reasons),
        )
        for slot in found.proposals.slots[:20]
    ]
    none = [why_none_text(WORDS, refusal, _names(found)) for refusal in found.proposals.why_none]
    if found.nearest is not None:
        value["nearest"] = [_slot(slot) for slot in found.nearest.slots[:NEAREST]]
        none += [WORDS("cli.slots.nearest", moment=WORDS.moment(slot.start, zone)) for slot in found.nearest.slots[:3]]
    receipts = [
        f"{source['person']}: {source['provider']} {source['state']} {source['verified_at'] or ''}"
        for source in _sources(found)
    ]
    show(as_json, value, [*(table(rows) or none or [WORDS("cli.slots.none")]), *receipts])


def _day(field: str, raw: str | None) -> day_type | None:
    try:
        return numbers.day(raw) if raw is not None else None
    except ValueError:
        raise InvalidInput.of(field, "bad_day", text=raw[:40] if raw else "") from None


def _names(found: Offer) -> dict[int, str]:
    pair = found.frame.pair
    return {pair.mentee_id: pair.mentee.first_name, pair.mentor_id: pair.mentor.first_name}


def _slot(slot: Any) -> dict[str, Any]:
    return {
        "start": instant(slot.start),
        "end": instant(slot.end),
        "score": slot.score,
        "reasons": [{"code": reason.code, "text": reason_text(WORDS, reason, slot.start)} for reason in slot.reasons],
    }


def _sources(found: Offer) -> list[dict[str, Any]]:
    return [
        {
            "person": source.name,
            "provider": source.provider,
            "state": source.state,
            "verified_at": instant(source.verified_at),
        }
        for source in found.frame.sources
    ]


def _why(found: Offer, raw: str, as_json: bool) -> None:
    """What speaks for or against one time, as the mentee may know it; local time is the mentee's."""
    zone = ZoneInfo(found.frame.pair.mentee.zone)
    try:
        start = numbers.moment(raw)
    except ValueError:
        raise InvalidInput.of("why", "bad_time") from None
    start = start.replace(tzinfo=zone) if start.tzinfo is None else start
    refused = refusal_of(found.frame, start)
    moment = WORDS.moment(start, zone)
    if refused is None:
        slot = next((each for each in found.proposals.slots if each.start == start), None)
        told = [reason_text(WORDS, reason, slot.start) for reason in slot.reasons] if slot else []
        value: dict[str, Any] = {"bookable": True, "start": instant(start), "slot": _slot(slot) if slot else None}
        show(as_json, value, [WORDS("cli.why.yes", moment=moment), *told])
        return
    text = refusal_text(WORDS, refused, _names(found), found.frame.pair.mentee_id)
    show(
        as_json, {"bookable": False, "code": refused.code, "text": text}, [WORDS("cli.why.no", moment=moment, why=text)]
    )


COMMANDS = (date, link, slots)
