"""What the reader of a mail about their pair is told, as it is now: a time to find, or what there is to agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from service.domain.agreement import State
from service.domain.errors import NotFound
from service.domain.interval import Interval
from service.domain.slots import three_best
from service.messages.mime import Attachment
from service.messages.view import View, Who
from service.operations import agreements, cadence, closing, primers, pulses
from service.operations.mail_context import Context
from service.operations.offering import ORDINARY, SlotQuery, offer
from service.store.tables import Pair

FIRST = "kick-off"


def welcome_view(context: Context, base: View) -> View | None:
    pair = _pair(context)
    if pair is None:
        return None
    view = _about(context, base, pair)
    schedule = context.url("schedule", pair_id=pair.id) if view.mentee else ""
    told = primers.state(context.session, pair, context.reader.id)
    return replace(view, primer=told, links=replace(view.links, schedule=schedule))


def nudge_view(context: Context, base: View) -> View | None:
    """None when something is booked by now, the two pause, or the other finds the times."""
    pair = _pair(context)
    if pair is None:
        return None
    (look,) = cadence.looks(context.session, context.now, [pair])
    if look.owner.id != context.reader.id or look.waits:
        return None
    session_key = ORDINARY if look.met else FIRST
    schedule = context.url("schedule", pair_id=pair.id)
    times = _times(context, pair, session_key)
    return replace(
        _about(context, base, pair),
        met=look.met,
        times=times,
        time_urls=tuple(f"{schedule}/time?{_query(session_key, slot.start)}" for slot in times),
        links=replace(base.links, schedule=schedule),
    )


def _query(session_key: str, start: datetime) -> str:
    return urlencode({"session": session_key, "start": f"{start:%Y-%m-%dT%H:%M:%SZ}"})


def _times(context: Context, pair: Pair, session_key: str) -> tuple[Interval, ...]:
    """Three times that both could take, as things stand."""
    query = SlotQuery(pair.id, session_key, reader="mentee" if context.reader.id == pair.mentee_id else "mentor")
    found = offer(context.session, context.now, context.settings.busy_max_age, query).proposals.slots
    return tuple(Interval(slot.start, slot.end) for slot in three_best(found, ZoneInfo(context.reader.zone)))


def turn_view(context: Context, base: View) -> View | None:
    """None when there is nothing for this reader to do about the agreement any more."""
    pair = _pair(context)
    if pair is None:
        return None
    turn = turn_of(agreements.desk(context.session, pair, context.reader.id))
    return replace(_about(context, base, pair), turn=turn) if turn else None


def turn_of(desk: agreements.Desk) -> str:
    """What there is to do for whom the desk is: answer, compare, changed (look at a change), sign; else nothing."""
    if desk.state is State.DRAFT:
        return "answer" if desk.answered and desk.own is None else ""
    if desk.state is State.ANSWERED:
        return "compare"
    if desk.state is State.SIGNED or desk.role in desk.signed_by:
        return ""
    return "changed" if desk.before is not None else "sign"


def signed_view(context: Context, base: View) -> View | None:
    pair = _pair(context)
    if pair is None or context.row.sequence is None:
        return None
    try:
        row = agreements.load_version(context.session, pair, context.row.sequence)
    except NotFound:  # somebody's words were erased
        return None
    return replace(_about(context, base, pair), version=row.version, sha256=row.signed_sha256 or "")


def midpoint_view(context: Context, base: View) -> View | None:
    """None when this reader has said theirs by now."""
    pair = _pair(context)
    if pair is None or pulses.pulses_of(context.session, pair, context.reader.id).own is not None:
        return None
    return _about(context, base, pair)


def closing_view(context: Context, base: View) -> View | None:
    """None when the two are paired anew, or all that there was to take away is gone."""
    pair = context.session.get(Pair, context.row.pair_id) if context.row.pair_id is not None else None
    goes_at = closing.goes_at(pair) if pair is not None else None
    if pair is None or goes_at is None:
        return None
    return replace(_about(context, base, pair), goes_at=goes_at, keeps_notes=context.reader.keeps_notes)


def attached(context: Context) -> tuple[Attachment, ...]:
    """The files of a signed version: the Markdown to the letter, and the same as PDF."""
    pair = _pair(context)
    if context.row.kind != "agreement" or pair is None or context.row.sequence is None:
        return ()
    row = agreements.load_version(context.session, pair, context.row.sequence)
    name = f"agreement-v{row.version}"
    return (
        Attachment(f"{name}.md", 'text/markdown; charset="utf-8"', (row.document or "").encode()),
        Attachment(f"{name}.pdf", "application/pdf", agreements.as_pdf(row)),
    )


def _pair(context: Context) -> Pair | None:
    pair = context.session.get(Pair, context.row.pair_id) if context.row.pair_id is not None else None
    return pair if pair is not None and pair.ended_at is None else None


def _about(context: Context, base: View, pair: Pair) -> View:
    other = pair.other(context.reader.id)
    return replace(
        base,
        other=Who(other.first_name, ZoneInfo(other.zone)),
        mentee=context.reader.id == pair.mentee_id,
        links=replace(
            base.links,
            pair=f"{base.links.person}/agreement/{pair.id}",
            primer=f"{base.links.person}/primer/{pair.id}",
            pulse=f"{base.links.person}/pulse/{pair.id}",
        ),
    )
