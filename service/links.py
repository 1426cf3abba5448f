"""Random tokens behind every link: one purpose, for one person or whoever runs it, expiring, revocable; stored hashed,
sealed for reuse."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, insert, or_, select
from sqlalchemy.orm import Session

from service.domain.errors import LinkGone, NotFound
from service.store.tables import Link, Person
from service.store.types import fingerprint

SUBJECT = ("pair_id", "meeting_id", "date_id", "connection_id", "session")  # what a link is about
NewLink = dict[str, Any]  # the columns of a row
_BY_TOKEN = select(Link).where(Link.token_hash == bindparam("hash"), Link.purpose == bindparam("purpose"))
TOKEN_BYTES = 24  # 192 bits: more than the 128 that a link must carry

# Purpose -> the page's path and how long a link lives from its making.
PATHS: dict[str, str] = {
    "schedule": "s", "connect": "connect", "meeting": "m", "entry": "i", "followup": "f", "person": "p",
    "programme": "programme", "feed": "feeds", "operator": "operator",
}  # fmt: skip
LIVES: dict[str, timedelta] = {
    "schedule": timedelta(days=365), "connect": timedelta(days=14), "meeting": timedelta(days=180),
    "entry": timedelta(days=180), "followup": timedelta(days=60), "person": timedelta(days=365),
    "programme": timedelta(days=365), "operator": timedelta(days=365),
    "reply": timedelta(days=180),  # no page: it stands in an address
    "feed": timedelta(days=1095),  # programs read it, and nobody looks whether they still may
}  # fmt: skip


def known_link(
    session: Session, now: datetime, purpose: str, person_id: int | None, /, **subject: int | str | None
) -> Link | None:
    """The person's link for this purpose and subject that is in the first half of its life, if there is one."""
    named = {name: value for name, value in subject.items() if value is not None}
    given = {"purpose": purpose, "person_id": person_id, "after": now + LIVES[purpose] / 2, **named}
    return session.scalars(_known(frozenset(named), person_id is None), given).first()


@cache
def _known(named: frozenset[str], nobodys: bool) -> Select[Link]:
    """Made once for each set of names: making it takes longer than asking it (2 ms of a page with four of them, seen in
    November 2026)."""
    person = Link.person_id.is_(None) if nobodys else Link.person_id == bindparam("person_id")
    about = (
        getattr(Link, name) == bindparam(name) if name in named else getattr(Link, name).is_(None) for name in SUBJECT
    )
    wanted = select(Link).where(
        Link.purpose == bindparam("purpose"), person, Link.revoked_at.is_(None), Link.expires_at > bindparam("after"),
        *about,
    )  # fmt: skip
    return wanted.order_by(Link.id.desc()).limit(1)


def link_for(
    session: Session, now: datetime, purpose: str, person_id: int | None, /, **subject: int | str | None
) -> Link:
    """The known link, or a new one; an older one stays good until its end. Repeatable. Needs a write session."""
    found = known_link(session, now, purpose, person_id, **subject)
    if found is not None:
        return found
    link = Link(**_new_link(now, purpose, person_id, **subject))
    session.add(link)
    session.flush()
    return link


def _new_link(now: datetime, purpose: str, person_id: int | None, /, **subject: int | str | None) -> NewLink:
    # Mail programs write addresses in small letters.
    token = secrets.token_hex(TOKEN_BYTES) if purpose == "reply" else secrets.token_urlsafe(TOKEN_BYTES)
    nothing = dict.fromkeys(SUBJECT)
    return {
        "token_hash": fingerprint(token), "token": token, "purpose": purpose, "person_id": person_id,
        "created_at": now, "expires_at": now + LIVES[purpose], **nothing, **subject,
    }  # fmt: skip


class LinkBook:
    """The known links of several people, read at once, for mails that are written together.

    `made` are those that were missing: they lead nowhere until `store` has written them.
    """

    def __init__(
        self, session: Session, now: datetime, person_ids: Collection[int], meeting_ids: Collection[int]
    ) -> None:
        self._now = now
        self.made: list[NewLink] = []
        self._tokens: dict[tuple[object, ...], str] = {}
        wanted = select(
            Link.token, Link.expires_at, Link.purpose, Link.person_id, *(getattr(Link, name) for name in SUBJECT)
        ).where(
            Link.person_id.in_(person_ids), Link.revoked_at.is_(None), Link.expires_at > now,
            or_(Link.meeting_id.is_(None), Link.meeting_id.in_(meeting_ids)),
        )  # fmt: skip
        for token, expires_at, purpose, *about in session.execute(wanted.order_by(Link.id)):
            if expires_at > now + LIVES[purpose] / 2:
                self._tokens[(purpose, *about)] = token

    def known_url(self, base_url: str, purpose: str, person_id: int, /, **subject: int | str | None) -> str | None:
        token = self._tokens.get((purpose, person_id, *(subject.get(name) for name in SUBJECT)))
        return _url(base_url, purpose, token) if token is not None else None

    def url_to(self, base_url: str, purpose: str, person_id: int, /, **subject: int | str | None) -> str:
        """Of the link that `link_for` would give."""
        return _url(base_url, purpose, self.token_to(purpose, person_id, **subject))

    def token_to(self, purpose: str, person_id: int, /, **subject: int | str | None) -> str:
        about = (purpose, person_id, *(subject.get(name) for name in SUBJECT))
        token = self._tokens.get(about)
        if token is None:
            made = _new_link(self._now, purpose, person_id, **subject)
            token = self._tokens[about] = made["token"]
            self.made.append(made)
        return str(token)


def store(session: Session, made: Sequence[NewLink]) -> None:
    if made:
        session.connection().execute(insert(Link), made)


def resolve(session: Session, now: datetime, purpose: str, token: str) -> Link:
    """The link behind a token. Raises NotFound when it never existed or is for another purpose, LinkGone when it was
    revoked or has expired, with the code `erased` when its person was. The look-up is by hash, so no comparison of
    secrets leaks through time."""
    link = session.scalars(_BY_TOKEN, {"hash": fingerprint(token), "purpose": purpose}).one_or_none()
    if link is None:
        raise NotFound
    if link.revoked_at is not None or link.expires_at <= now:
        raise LinkGone("erased" if _is_erased(session, link) else None)
    return link


def _is_erased(session: Session, link: Link) -> bool:
    person = session.get(Person, link.person_id) if link.person_id is not None else None
    return person is not None and person.erased_at is not None


def url_of(base_url: str, link: Link) -> str:
    return _url(base_url, link.purpose, link.token)


def _url(base_url: str, purpose: str, token: str) -> str:
    suffix = ".ics" if purpose == "feed" else ""
    return f"{base_url}/{PATHS[purpose]}/{token}{suffix}"


def revoke(session: Session, now: datetime, person_id: int, purpose: str, link_id: int) -> None:
    """Ends this one of the person's links. What is not theirs, or ended before, stays as it is."""
    link = session.get(Link, link_id)
    if link is not None and (link.person_id, link.purpose, link.revoked_at) == (person_id, purpose, None):
        link.revoked_at = now


def revoke_links(session: Session, now: datetime, person_id: int | None, purpose: str | None = None) -> int:
    """Makes every link of the person useless at once, or those for one purpose; returns how many. Repeatable.
    Nobody's (None) are the operator's."""
    of_purpose = (Link.purpose == purpose,) if purpose else ()
    mine = select(Link).where(Link.person_id == person_id, Link.revoked_at.is_(None), *of_purpose)
    links = session.scalars(mine).all()
    for link in links:
        link.revoked_at = now
    return len(links)
