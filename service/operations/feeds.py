"""A person's meetings as one calendar that their own program reads again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from service.catalogue import Words
from service.domain import itip
from service.domain.interval import Interval, merge
from service.domain.meeting import Phase
from service.links import LinkBook, known_link, link_for, revoke, revoke_links
from service.operations import entries, events
from service.operations.meetings import interval_of
from service.store import writes
from service.store.tables import AgendaItem, Link, Meeting, Pair, Person

PAST = timedelta(days=180)
CANCELLED = timedelta(days=30)  # from when it was cancelled: longer than any calendar program waits to look again
SHOWN = (Phase.BOOKED, Phase.ENDED, Phase.CLOSED)  # a hold is announced nowhere


def feed_of(session: Session, now: datetime, settings: entries.PageSettings, person: Person) -> bytes:
    """What the person's invitations say, under the same UIDs, a provider's where it wrote the entry. Only reads, and
    two fetches differ only when something changed: each entry is dated by its last change."""
    meetings = _meetings(session, now, person)
    agendas = _agendas(session, meetings)
    aliases = events.aliases_for(writes.of_meetings(session, [meeting.id for meeting in meetings]), person.id)
    book = LinkBook(session, now, {person.id}, {meeting.id for meeting in meetings})
    told = []
    for meeting in meetings:
        cancelled = meeting.phase == Phase.CANCELLED
        about = {"pair_id": meeting.pair_id, "meeting_id": meeting.id}
        invitation = entries.invitation_for(
            _stamped_at(meeting),
            settings,
            meeting,
            person,
            agenda=None if cancelled else agendas[meeting.id],
            answers={},
            entry_url=None if cancelled else book.known_url(settings.base_url, "entry", person.id, **about),
            alias=aliases.get(meeting.id),
        )
        told.append((invitation, cancelled))
    return itip.feed(Words.of(person.locale)("entry.feed", programme=settings.programme), told)


def programme_feed(session: Session, now: datetime, programme: str) -> bytes:
    """When anybody of the programme meets, for whoever plans rooms or rounds: no names, places or words, and of
    meetings that touch or overlap one block, with how many they are. Only reads."""
    wanted = select(Meeting).where(Meeting.phase.in_(SHOWN), Meeting.ends_at > now - PAST)
    meetings = session.scalars(wanted.order_by(Meeting.starts_at, Meeting.id)).all()
    words = Words.of("en")
    blocks = []
    for start, end in merge(interval_of(meeting).span for meeting in meetings):
        block = Interval.of((start, end))
        inside = [meeting for meeting in meetings if block.start <= meeting.starts_at < block.end]
        summary = words("entry.block", n=len(inside))
        blocks.append(itip.Block(block, max(map(_stamped_at, inside)), summary))
    return itip.busy_feed(words("entry.feed", programme=programme), blocks)


def programme_feed_link(session: Session, now: datetime, *, again: bool = False) -> Link:
    """The one address of the programme's feed; `again` ends the one that there was. Repeatable."""
    if again:
        revoke_links(session, now, None, "feed")
    return link_for(session, now, "feed", None)


def feed_link(session: Session, now: datetime, person: Person) -> Link | None:
    return known_link(session, now, "feed", person.id)


def make_feed(session: Session, now: datetime, person: Person, instead_of: int | None) -> Link:
    """The address of the person's feed. A new one when they say which (`instead_of`, a link's id) is to end, and the
    same one again when that has ended before."""
    if instead_of is not None:
        revoke(session, now, person.id, "feed", instead_of)
    return link_for(session, now, "feed", person.id)


def _meetings(session: Session, now: datetime, person: Person) -> Sequence[Meeting]:
    wanted = (
        select(Meeting)
        .join(Meeting.pair)
        .where(
            or_(Pair.mentee_id == person.id, Pair.mentor_id == person.id),
            or_(
                and_(Meeting.phase.in_(SHOWN), Meeting.ends_at > now - PAST),
                and_(Meeting.phase == Phase.CANCELLED, Meeting.changed_at > now - CANCELLED),
            ),
        )
    )
    return session.scalars(wanted.order_by(Meeting.starts_at, Meeting.id)).all()


def _agendas(session: Session, meetings: Sequence[Meeting]) -> dict[int, list[AgendaItem]]:
    ids = [meeting.id for meeting in meetings]
    wanted = select(AgendaItem).where(AgendaItem.meeting_id.in_(ids)).order_by(AgendaItem.position)
    found = defaultdict(list)
    for item in session.scalars(wanted):
        found[item.meeting_id].append(item)
    return found


def _stamped_at(meeting: Meeting) -> datetime:
    """DTSTAMP: programs leave alone what is dated as they know it."""
    return max(filter(None, (meeting.fixed_at, meeting.changed_at, meeting.agenda_touched_at)))
