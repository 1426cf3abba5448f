"""Random tokens behind every link: one purpose, for one person or whoever runs it, expiring, revocable; stored hashed,
sealed for reuse."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.domain.errors import LinkGone, NotFound
from service.store.tables import Link
from service.store.types import fingerprint

SUBJECT = ("pair_id", "meeting_id", "date_id", "session")  # what a link may be about, beside its person
TOKEN_BYTES = 24  # 192 bits: more than the 128 that a link must carry

# Purpose -> the page's path and how long a link lives from its making.
PATHS: dict[str, str] = {
    "schedule": "s", "connect": "connect", "meeting": "m", "entry": "i", "followup": "f", "person": "p",
    "programme": "programme", "feed": "feeds", "operator": "operator",
}  # fmt: skip
LIVES: dict[str, timedelta] = {
    "schedule": timedelta(days=365), "connect": timedelta(days=14), "meeting": timedelta(days=180),
    "entry": timedelta(days=180), "followup": timedelta(days=60), "person": timedelta(days=365),
    "programme": timedelta(days=365), "feed": timedelta(days=365), "operator": timedelta(days=365),
}  # fmt: skip


def known_link(
    session: Session, now: datetime, purpose: str, person_id: int | None, /, **subject: int | str | None
) -> Link | None:
    """The person's link for this purpose and subject that is in the first half of its life, if there is one."""
    wanted = select(Link).where(
        Link.purpose == purpose, Link.person_id == person_id, Link.revoked_at.is_(None),
        Link.expires_at > now + LIVES[purpose] / 2,
        *(getattr(Link, name) == subject.get(name) for name in SUBJECT),
    )  # fmt: skip
    return session.scalars(wanted.order_by(Link.id.desc()).limit(1)).first()


def link_for(
    session: Session, now: datetime, purpose: str, person_id: int | None, /, **subject: int | str | None
) -> Link:
    """The known link, or a new one; an older one stays good until its end. Repeatable. Needs a write session."""
    found = known_link(session, now, purpose, person_id, **subject)
    if found is not None:
        return found
    link = _new_link(now, purpose, person_id, **subject)
    session.add(link)
    session.flush()
    return link


def _new_link(now: datetime, purpose: str, person_id: int | None, /, **subject: int | str | None) -> Link:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return Link(
        token_hash=fingerprint(token), token=token, purpose=purpose, person_id=person_id,
        created_at=now, expires_at=now + LIVES[purpose], **subject,
    )  # fmt: skip


class LinkBook:
    """The known links of several people, read at once, for mails that are written together.

    `made` are those that were missing: they lead nowhere until somebody adds them to a write session.
    """

    def __init__(
        self, session: Session, now: datetime, person_ids: Collection[int], meeting_ids: Collection[int]
    ) -> None:
        self._now = now
        self.made: list[Link] = []
        self._known: dict[tuple[object, ...], Link] = {}
        wanted = select(Link).where(
            Link.person_id.in_(person_ids), Link.revoked_at.is_(None), Link.expires_at > now,
            or_(Link.meeting_id.is_(None), Link.meeting_id.in_(meeting_ids)),
        )  # fmt: skip
        for link in session.scalars(wanted.order_by(Link.id)):
            if link.expires_at > now + LIVES[link.purpose] / 2:
                self._known[(link.purpose, link.person_id, *(getattr(link, name) for name in SUBJECT))] = link

    def link_for(self, purpose: str, person_id: int, /, **subject: int | str | None) -> Link:
        """As `links.link_for` has it."""
        about = (purpose, person_id, *(subject.get(name) for name in SUBJECT))
        found = self._known.get(about)
        if found is None:
            found = self._known[about] = _new_link(self._now, purpose, person_id, **subject)
            self.made.append(found)
        return found


def resolve(session: Session, now: datetime, purpose: str, token: str) -> Link:
    """The link behind a token. Raises NotFound when it never existed or is for another purpose, LinkGone when it was
    revoked or has expired. The look-up is by hash, so no comparison of secrets leaks through time."""
    link = session.scalars(
        select(Link).where(Link.token_hash == fingerprint(token), Link.purpose == purpose)
    ).one_or_none()
    if link is None:
        raise NotFound
    if link.revoked_at is not None or link.expires_at <= now:
        raise LinkGone
    return link


def url_of(base_url: str, link: Link) -> str:
    suffix = ".ics" if link.purpose == "feed" else ""
    return f"{base_url}/{PATHS[link.purpose]}/{link.token}{suffix}"


def revoke_links(session: Session, now: datetime, person_id: int | None, purpose: str | None = None) -> int:
    """Makes every link of the person useless at once, or those for one purpose; returns how many. Repeatable.
    Nobody's (None) are the operator's."""
    of_purpose = (Link.purpose == purpose,) if purpose else ()
    mine = select(Link).where(Link.person_id == person_id, Link.revoked_at.is_(None), *of_purpose)
    links = session.scalars(mine).all()
    for link in links:
        link.revoked_at = now
    return len(links)
