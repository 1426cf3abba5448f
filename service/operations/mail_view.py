"""What a mail's reader is told: the meeting, the promises, the times and their own links, as they are now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from sqlalchemy import select

from service.catalogue import Words
from service.domain.interval import Interval
from service.domain.meeting import Phase
from service.domain.sessions import following
from service.domain.slots import three_best
from service.domain.terms import Level
from service.messages.view import Choice, Links, Point, View, Who
from service.operations import (
    again,
    day_words,
    help_requests,
    lapsing,
    pair_mail_view,
    primers,
    promise_nudges,
    promises_view,
    suggestions,
    unsure,
    video,
)
from service.operations.entries import level_of, points_at
from service.operations.mail_context import UNDERSTOOD, Context
from service.operations.meetings import interval_of, may_move
from service.operations.offering import SlotQuery, offer
from service.operations.people import list_pairs
from service.store import proposals
from service.store.tables import AgendaItem, Connection, CriticalDate, Meeting, OutboxRow, Pair, ProposedTime

MENTEE_COUNT = ("agenda-ask", "reminder", "followup")
MENTOR_COUNT = ("brief", "list")
DUE = frozenset({*MENTEE_COUNT, *MENTOR_COUNT, "book-nudge", "midpoint"})  # what nobody's action caused
LONGEST_UNSURE = 300
MOST_CHOICES = 3
AGAIN = frozenset({"declined", "cancellation", "not-happened"})  # another time for the same thing
NEXT = frozenset({"followup", "list"})  # a time for whatever comes after
WITH_TIMES = AGAIN | NEXT | {"date-moved"}


def view_of(context: Context) -> View | None:
    """The view for a row of any kind; None when what it is about is gone or no longer so."""
    base = View(
        words=Words.of(context.reader.locale),
        me=Who(context.reader.first_name, ZoneInfo(context.reader.zone)),
        programme=context.settings.programme,
        contact=context.settings.contact or context.settings.programme,
        links=Links(person=context.url("person")),
        answerable=context.reply_goes_to_the_other,
        read_here=UNDERSTOOD.get(context.row.kind, "") if context.settings.answers_read else "",
    )
    if context.row.kind in DUE and context.reader.id in context.facts.unsure:
        base = replace(base, unsure=_unsure(context, base.words))
    if context.row.kind in DUE and context.row.pair_id in context.facts.offered:
        base = _with_what_went_by(context, base, context.row.pair_id)
    without_meeting = _WITHOUT_MEETING.get(context.row.kind)
    if without_meeting is not None:
        return without_meeting(context, base)
    meeting = context.meeting
    return _about_meeting(context, base, meeting) if meeting is not None else None


def _unsure(context: Context, words: Words) -> str:
    """The newest of what waits for the reader, in their own words."""
    newest = next(iter(unsure.waiting_of(context.session, context.now, context.reader.id, most=1)), None)
    if newest is None:
        return ""
    if newest.occasion is not None and newest.occasion.at_utc is not None:
        moment = words.moment(newest.occasion.at_utc, ZoneInfo(context.reader.zone))
        return words("mail.unsure.occasion", moment=moment)
    return newest.text[:LONGEST_UNSURE] or words("mail.unsure.answer")


def _with_what_went_by(context: Context, base: View, pair_id: int) -> View:
    """What the reader proposed to the other, and nobody took."""
    found = lapsing.news(context.session, context.now, pair_id, context.reader.id)
    if found is None:
        return base
    proposal, word = found
    other = proposal.pair.other(context.reader.id).first_name
    page = f"{context.url('schedule', pair_id=pair_id)}/proposals/{proposal.id}"
    said = base.words(f"page.offer.open.{word}", n=len(proposal.times), other=other)
    return replace(base, went_by=said, links=replace(base.links, proposal=page))


def _about_meeting(context: Context, base: View, meeting: Meeting) -> View:
    facts, row, pair = context.facts, context.row, meeting.pair
    other = pair.other(context.reader.id)
    mentee = context.reader.id == pair.mentee_id
    acted_by = meeting.declined_by if row.kind == "declined" else meeting.changed_by
    counted = MENTEE_COUNT if mentee else MENTOR_COUNT
    earlier = promises_view.earlier_of(context, meeting)
    to_prepare, ready = promises_view.prepared(context, base.words, meeting)
    next_one = facts.next_ones.get(pair.id) if row.kind in NEXT else None
    looks = row.kind in WITH_TIMES and next_one is None
    times = _times(context, pair, meeting) if looks else ()
    schedule = _schedule_url(context, pair, meeting) if looks and pair.ended_at is None else ""
    critical = context.session.get(CriticalDate, row.date_id) if row.date_id is not None else None
    shown = _as_sealed(context, base.words, meeting) if row.kind == "invitation" else None
    return replace(
        base,
        other=Who(other.first_name, ZoneInfo(other.zone)),
        mentee=mentee,
        interval=interval_of(meeting),
        session=meeting.session,
        place=meeting.place or base.words(video.unknown_place(meeting.id in facts.links_awaited)),
        matters=suggestions.matters_of(context.session, pair, context.reader.id) if row.kind == "brief" else None,
        ask=meeting.ask if shown is None else None,
        on_agenda=any(item.by_id == pair.mentee_id and item.text for item in facts.agendas[meeting.id]),
        agenda=shown if shown is not None else tuple(_point(base.words, item) for item in facts.agendas[meeting.id]),
        agreed=tuple(promises_view.point_of(base.words, pair, line) for line in facts.agreed[meeting.id]),
        still_open=promises_view.told_of(context, base.words, pair, earlier),
        own=promises_view.own_of(context, base.words, pair, [*earlier, *facts.agreed[meeting.id]]),
        introductions=promises_view.introductions_of(context, base.words, pair, facts.agreed[meeting.id]),
        card=f"mentor.{meeting.card}" if row.kind == "brief" and meeting.card else "",
        primer=primers.state(context.session, pair, context.reader.id) if meeting.session == "kick-off" else "",
        to_prepare=to_prepare,
        ready=ready,
        due_on=promises_view.moved_to(context, pair) if row.kind == "invitation" and row.sequence else None,
        times=times,
        next_one=next_one,
        choices=again.choices(schedule, times) if schedule and row.kind in AGAIN else _arc(context, base),
        ways=_gentler(context, base, meeting, schedule) if schedule and row.kind == "declined" else (),
        reason=meeting.reason,
        acted="nobody" if acted_by is None else "me" if acted_by == context.reader.id else "other",
        changed=bool(row.sequence),
        confirmed=meeting.agreed_at is not None,
        nth=_nth(facts.gone_out[meeting.id], row.person_id, counted) if row.kind in counted else 0,
        most=len(counted),
        entry=facts.entries.get((meeting.id, context.reader.id), "mail"),
        dropped=critical is not None and critical.dropped_at is not None,
        links=replace(
            base.links,
            meeting=context.url("meeting", pair_id=pair.id, meeting_id=meeting.id),
            followup=context.url("followup", pair_id=pair.id, meeting_id=meeting.id) if row.kind == "followup" else "",
            schedule=schedule,
            primer=f"{base.links.person}/primer/{pair.id}",
        ),
    )


def _arc(context: Context, base: View) -> tuple[Choice, ...]:
    """Where a date moved or is off: the meetings about it that stand, each with its page; none when it is only one."""
    if context.row.kind != "date-moved":
        return ()
    stand = select(Meeting).where(
        Meeting.date_id == context.row.date_id, Meeting.phase == Phase.BOOKED, Meeting.starts_at > context.now
    )
    found = context.session.scalars(stand.order_by(Meeting.starts_at).limit(MOST_CHOICES)).all()
    if len(found) < 2:
        return ()
    urls = [context.url("meeting", pair_id=each.pair_id, meeting_id=each.id) for each in found]
    return tuple(
        Choice(interval_of(each), url, base.words(f"session.{each.session}"))
        for each, url in zip(found, urls, strict=True)
    )


def _as_sealed(context: Context, words: Words, meeting: Meeting) -> tuple[Point, ...] | None:
    """The points of an invitation to somebody whose calendar is to show less; None where it shows the agenda."""
    level = level_of(meeting, context.reader)
    if level is Level.AGENDA:
        return None
    return tuple(Point(text) for text, _ in points_at(words, meeting, context.facts.agendas[meeting.id], level))


def _nth(gone_out: Sequence[OutboxRow], person_id: int, counted: tuple[str, ...]) -> int:
    """Which of the mails that nobody asked for this is, of this meeting, to this reader."""
    before = sum(row.person_id == person_id and row.kind in counted for row in gone_out)
    return min(before + 1, len(counted))


def _schedule_url(context: Context, pair: Pair, meeting: Meeting) -> str:
    """Where another time is chosen: for the same thing when it did not take place, else for whatever is next."""
    same = context.row.kind in AGAIN
    critical = context.session.get(CriticalDate, meeting.date_id) if meeting.date_id is not None else None
    if same and critical is not None and critical.dropped_at is None:
        return context.url("schedule", pair_id=pair.id, session=meeting.session, date_id=critical.id)
    return context.url("schedule", pair_id=pair.id, session=meeting.session if same else None)


def _gentler(context: Context, base: View, meeting: Meeting, schedule: str) -> tuple[tuple[str, str], ...]:
    if not again.is_repeated(context.session, meeting):
        return ()
    critical = context.session.get(CriticalDate, meeting.date_id) if meeting.date_id is not None else None
    return again.gentler(base.words, context.now, base.me.zone, schedule, meeting, critical)


def _times(context: Context, pair: Pair, meeting: Meeting) -> tuple[Interval, ...]:
    """Three times that both could take, as things stand; none when a calendar cannot be read or the pair has ended."""
    if pair.ended_at is not None:
        return ()
    next_one = context.row.kind in NEXT
    critical = context.session.get(CriticalDate, meeting.date_id) if meeting.date_id is not None else None
    for_date = critical is not None and critical.dropped_at is None and not next_one
    query = SlotQuery(
        pair_id=pair.id,
        session=following(meeting.session) if next_one else meeting.session,
        date_id=meeting.date_id if for_date else None,
        moving=meeting.id if context.row.kind == "date-moved" else None,
        reader="mentee" if context.reader.id == pair.mentee_id else "mentor",
    )
    found = offer(context.session, context.now, context.settings.busy_max_age, query)
    slots = found.proposals.slots or (found.nearest.slots if found.nearest is not None else [])
    # The time that somebody has just given up, or that stands already, is no other time.
    others = [slot for slot in slots if slot.end <= meeting.starts_at or meeting.ends_at <= slot.start]
    return tuple(Interval(slot.start, slot.end) for slot in three_best(others, ZoneInfo(context.reader.zone)))


def _point(words: Words, item: AgendaItem) -> Point:
    text = item.text or (words(f"agenda.{item.key}") if item.key else "")
    notes = [words("point.minutes", minutes=item.minutes)] if item.minutes else []
    notes += [words(f"help.{item.help}")] if item.help else []
    return Point(text, ", ".join(notes))


def _links_view(context: Context, base: View) -> View:
    pairs = [
        (pair.mentor.first_name, context.url("schedule", pair_id=pair.id))
        for pair in list_pairs(context.session, context.reader.id)
        if pair.ended_at is None and pair.mentee_id == context.reader.id
    ]
    programme = context.url("programme") if context.reader.coordinates else ""
    return replace(base, pairs=tuple(pairs), links=replace(base.links, programme=programme))


def _help_view(context: Context, base: View) -> View | None:
    """None for whoever coordinates no more, or when everything is answered or taken back."""
    if not context.reader.coordinates or not help_requests.is_open(context.session, context.reader.id):
        return None
    return replace(base, links=replace(base.links, programme=context.url("programme")))


def _kept(context: Context, base: View, time: ProposedTime) -> str:
    said = f"mail.offer.{lapsing.kept(time, context.meeting, context.now)}"
    return base.words(said, moment=base.words.moment(time.lapses_at, base.me.zone))


def _proposed_view(context: Context, base: View) -> View | None:
    """The times that are ahead; None when the proposal is closed, or they have all passed."""
    proposal, now = proposals.of_mail(context.session, context.row.dedup_key), context.now
    if proposal is None or proposal.outcome is not None:
        return None
    if context.meeting is not None and not may_move(context.meeting, now):
        return None
    other, schedule = proposal.pair.other(context.reader.id), context.url("schedule", pair_id=proposal.pair_id)
    choices = tuple(
        Choice(
            Interval(time.starts_at, time.ends_at),
            f"{schedule}/proposed/{time.id}",
            _kept(context, base, time),
        )
        for time in proposal.times
        if time.starts_at > now
    )
    if not choices:
        return None
    return replace(
        base,
        other=Who(other.first_name, ZoneInfo(other.zone)),
        mentee=context.reader.id == proposal.pair.mentee_id,
        interval=interval_of(context.meeting) if context.meeting is not None else None,
        session=proposal.session,
        choices=choices,
        links=replace(base.links, proposal=f"{schedule}/proposals/{proposal.id}"),
    )


def _calendar_broken_view(context: Context, base: View) -> View | None:
    connection = context.session.get(Connection, context.row.connection_id) if context.row.connection_id else None
    if connection is None or connection.failed_at is None or connection.state == "off":
        return None
    key = f"incident.{connection.fault}"
    return replace(base, fault=base.words(key if base.words.has(key) else "incident.other"))


_WITHOUT_MEETING: dict[str, Callable[[Context, View], View | None]] = {
    "links": _links_view,
    "welcome": pair_mail_view.welcome_view,
    "proposed": _proposed_view,
    "calendar-broken": _calendar_broken_view,
    "help": _help_view,
    "day-word": day_words.view_of,
    "action-nudge": promise_nudges.view_of,
    "book-nudge": pair_mail_view.nudge_view,
    "agreement-turn": pair_mail_view.turn_view,
    "agreement": pair_mail_view.signed_view,
    "midpoint": pair_mail_view.midpoint_view,
    "closure": pair_mail_view.closing_view,
    "purge-14": pair_mail_view.closing_view,
}
