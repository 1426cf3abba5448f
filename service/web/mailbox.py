"""The local mailbox: mail that never left this machine, with a mail program's buttons; and the demo's jumps in time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request, url_for
from icalendar import Calendar
from sqlalchemy import select
from werkzeug.exceptions import NotFound as NotFoundHere
from werkzeug.wrappers import Response as AnyResponse

from integrations.maildir_mail import KeptMail, kept_mail, kept_mails
from service import numbers
from service.catalogue import Words
from service.demo import clock
from service.demo.programme import ana, ben, cleo, jonas
from service.domain.answering import make_reply, request_in
from service.domain.errors import InvalidInput
from service.links import known_link, url_of
from service.operations import inbound
from service.setting_values import LOOPBACK_HOSTS
from service.store.tables import Person
from service.web.page import limited, now, page, reading, see_other, services, words, writing

blueprint = Blueprint("mailbox", __name__)
ANSWERS = ("ACCEPTED", "TENTATIVE", "DECLINED")
PHONE_LINE, LINE_HEIGHT, FRAME_TOP = 40, 22, 60  # characters, and CSS pixels
JUMPS = ("three-days-before", "day-before", "hour-after", "next-morning")


@dataclass(frozen=True, slots=True)
class Invite:
    """The calendar card that a mail program would show."""

    method: str
    summary: str
    start: datetime
    end: datetime
    place: str


def _folder() -> Path:
    """Raises NotFound unless this is a local mailbox and nobody else can reach it: no SMTP, loopback address and
    Host."""
    host = urlsplit(f"//{request.host}").hostname
    if not services().settings.local_mailbox or host not in LOOPBACK_HOSTS:
        raise NotFoundHere
    return services().settings.data_dir / "mailbox"


@blueprint.get("/mailbox")
def box() -> AnyResponse:
    """After a jump also what time it is, and for whom something came: it may be the other one's box."""
    mails = kept_mails(_folder())
    readers = sorted({mail.recipient for mail in mails})
    person, seen = request.args.get("person", ""), numbers.whole(request.args.get("seen", ""))
    theirs, zone = _person_of(person)
    shown = [mail for mail in reversed(mails) if not person or mail.recipient == person]
    return page(
        "mailbox.html", mails=shown, readers=readers, person=person, demo=services().settings.demo, jumps=JUMPS,
        jumped=seen is not None, fresh=sorted(Counter(mail.recipient for mail in mails[seen or 0 :]).items()),
        theirs=theirs, zone=ZoneInfo(zone),
    )  # fmt: skip


def _person_of(address: str) -> tuple[Words, str]:
    """The words and the zone of whoever reads this box."""
    with reading() as session:
        found = session.scalars(select(Person).where(Person.email == address)).one_or_none()
        return (Words.of(found.locale), found.zone) if found is not None else (words(), "UTC")


@blueprint.get("/mailbox/<key>")
def mail(key: str) -> AnyResponse:
    kept = _load(key)
    text = kept.message.get_body(("plain",))
    written = text.get_content() if text is not None else ""
    theirs, zone = _person_of(kept.recipient)
    return page(
        "mail.html", zone=ZoneInfo(zone), theirs=theirs, mail=kept, invite=_invite(kept),
        answered=request.args.get("answered"), demo=services().settings.demo, text=written, height=_height(written),
        jumps=JUMPS, person=kept.recipient,
    )  # fmt: skip


def _height(text: str) -> int:
    """CSS pixels that the mail takes on a phone, about: its frame may not be measured, and a scroll within a scroll
    hides the last lines of a mail."""
    lines = sum(1 + len(line) // PHONE_LINE for line in text.splitlines())
    return FRAME_TOP + LINE_HEIGHT * lines


@blueprint.get("/mailbox/<key>/html")
def html(key: str) -> AnyResponse:
    """The mail's own HTML, as its reader's program shows it: no script, nothing from elsewhere."""
    body = _load(key).message.get_body(("html",))
    # A mail program opens links outside the mail; our pages refuse to be shown in a frame.
    shown = body.get_content().replace("<head>", '<head><base target="_top">', 1) if body is not None else ""
    response = Response(shown, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
        "sandbox allow-top-navigation-by-user-activation allow-popups"
    )
    return response


@blueprint.post("/mailbox/<key>/answer")
def answer(key: str) -> AnyResponse:
    """Accept, tentative or decline: the real reply, handed to the code that reads real mail."""
    limited()
    kept = _load(key)
    partstat = request.form.get("answer", "")
    ics = request_in(kept.octets)
    if partstat not in ANSWERS or ics is None:
        raise InvalidInput.of("answer", "unknown_answer", known=", ".join(ANSWERS))
    raw = make_reply(ics, kept.recipient, partstat, now())
    with writing() as session:
        inbound_id = inbound.receive(session, now(), raw)
        state = inbound.decide(session, now(), services().settings.busy_max_age, inbound_id)
    return see_other(url_for("mailbox.mail", key=key, answered=f"{partstat.lower()}-{state}"))


@blueprint.post("/mailbox/jump")
def jump() -> AnyResponse:
    """The demo's clock goes to one of the moments that matter, from due moment to due moment."""
    limited()
    _folder()
    where = request.form.get("to", "")
    if not services().settings.demo or where not in JUMPS:
        raise NotFoundHere
    seen = len(kept_mails(_folder()))
    clock.jump_to(services(), where)
    return see_other(url_for("mailbox.box", person=request.form.get("person") or None, seen=seen))


def _load(key: str) -> KeptMail:
    kept = kept_mail(_folder(), key)
    if kept is None:
        raise NotFoundHere
    return kept


def _invite(kept: KeptMail) -> Invite | None:
    ics = request_in(kept.octets)
    if ics is None:
        return None
    calendar = Calendar.from_ical(ics)
    event = calendar.walk("VEVENT")[0]
    return Invite(
        method=str(calendar["method"]),
        summary=str(event["summary"]),
        start=event.decoded("dtstart"),
        end=event.decoded("dtend"),
        place=str(event.get("location", "")),
    )


def strip() -> list[tuple[str, str]]:
    """On every page of the demo: whose page or mailbox to look into. Empty elsewhere."""
    if not services().settings.demo or not services().settings.local_mailbox:
        return []
    said: list[tuple[str, str]] = []
    for who, purpose, label in (
        (ana, "person", "page"),
        (ben, "person", "page"),
        (jonas, "person", "start"),
        (cleo, "programme", "coordinator"),
    ):
        name = who.name.split()[0]
        link = _page_of(who.email, purpose)
        if link is not None:
            said.append((words()(f"page.demo.{label}_of", name=name), link))
        if label == "page":
            said.append((words()("page.demo.mailbox_of", name=name), url_for("mailbox.box", person=who.email)))
    return said


def _page_of(address: str, purpose: str) -> str | None:
    """The link was made when the demo started; looking makes none."""
    with reading() as session:
        person_id = session.scalars(select(Person.id).where(Person.email == address)).one_or_none()
        link = known_link(session, now(), purpose, person_id) if person_id is not None else None
    return url_of(services().settings.base_url, link) if link is not None else None
