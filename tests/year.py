"""A pair that lives through a year: the clock goes from one due moment to the next, a real server takes the mail."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import select

from service import settings, wiring
from service.operations import inbound, timers
from service.store import outbox
from service.store.tables import OutboxRow, Person
from service.web import create_app
from service.wiring import Services
from tests.fakes import RecordedJobs, SetClock
from tests.rows.life import Life, at
from tests.smtp import Sink
from tests.web.walk import forms_of, text_of
from workers import clock, context, inbox
from workers.deliver import drain

HOOK = "h" * 32  # the secret of whoever hands us mail
CLEAR_EVERY = timedelta(days=7)  # here: the real clock does it every hour
ENDED = {"sent", "cancelled"}


@dataclass
class Sent:
    """A mail as it arrived. `at` is on its reader's clock; `acted` says whether somebody did something just then."""

    at: datetime
    who: str
    kind: str
    meeting_id: int | None
    message: EmailMessage
    acted: bool

    @property
    def text(self) -> str:
        return str(self.message.get_body(("plain",)).get_content())

    def url(self, path: str) -> str:
        """The first address in it that begins so, without the host."""
        found = re.search(rf"https?://[^/\s]+({path}\S+)", self.text)
        assert found is not None, f"{self.message['Subject']} has no {path}:\n{self.text}"
        return found[1]


@dataclass
class Year:
    """`run` is the command line; `services` are what its environment says, but with a clock that is set."""

    services: Services
    run: Callable[..., Any]
    sink: Sink
    mails: list[Sent] = field(default_factory=list)
    acted_at: datetime | None = None
    clear_at: datetime = field(init=False)
    life: Life = field(init=False)

    def __post_init__(self) -> None:
        self.clear_at = self.now + CLEAR_EVERY
        self.life = Life(self.services, create_app(self.services).test_client(), 0, {}, {})

    @property
    def now(self) -> datetime:
        return self.services.clock()

    def until(self, moment: str) -> None:
        """Time goes on, from one moment at which something is due to the next."""
        wanted = at(f"{moment}+00:00")
        assert wanted > self.now, "a year does not go back"
        while self.now < wanted:
            self.services.clock.now = min(wanted, self._next())
            if self.now >= self.clear_at:
                clock.clear(self.services)
                self.clear_at += CLEAR_EVERY
            self._go_on()

    def _next(self) -> datetime:
        with self.services.database.read() as session:
            due = [timers.first(session), outbox.next_due(session), self.clear_at]
        return min(each for each in due if each is not None and each > self.now)

    def _go_on(self) -> None:
        """What the clock and the workers do at this moment, until nothing is left to do."""
        clock.sweep(self.services)
        with self.services.database.read() as session:
            waiting = inbound.waiting(session, clock.MESSAGES)
        if waiting:
            inbox.read_inbound(waiting)
        drain(self.services)
        self._collect()

    def _collect(self) -> None:
        taken, self.sink.taken = self.sink.taken, []
        for recipient, octets in taken:
            message = message_from_bytes(octets, policy=policy.default)
            with self.services.database.read() as session:
                named = OutboxRow.message_id == message["Message-ID"].strip("<>").partition("@")[0]
                row = session.scalars(select(OutboxRow).where(named)).one()
                zone = session.scalars(select(Person.zone).where(Person.email == recipient)).one()
            moment = message["Date"].datetime.astimezone(ZoneInfo(zone))
            who, _, _ = recipient.partition("@")
            sent = Sent(moment, who, row.kind, row.meeting_id, message, self.acted_at == self.now)
            self.mails.append(sent)
            self.life.tokens[who] = sent.url("/p/").split("/")[2].partition("#")[0]  # of two the newer lives longer

    def acts(self, answer: Any, status: int = 303) -> Any:
        """Somebody did something; what it causes happens at once."""
        assert answer.status_code == status, text_of(answer)
        self.acted_at = self.now
        self._go_on()
        return answer

    def cli(self, *arguments: object) -> Any:
        """A command by this clock: that of the demo is the real one and an offset that stands in a file."""
        offset = self.now - datetime.now(UTC)
        (self.services.settings.data_dir / "clock").write_text(str(offset.total_seconds()), encoding="ascii")
        told = self.run(*arguments, "--json")
        self.services.clock.advance(seconds=10)
        self.acted_at = self.now
        self._go_on()
        return told

    def newest(self, who: str, kind: str) -> Sent:
        return next(mail for mail in reversed(self.mails) if (mail.who, mail.kind) == (who, kind))

    def reply(self, who: str, kind: str, text: str) -> None:
        """An answer to the newest mail of this kind, as the mail server hands it on."""
        asked = self.newest(who, kind).message
        mail = EmailMessage(policy=policy.SMTP)
        mail["From"], mail["To"] = f"{who}@example.org", asked["Reply-To"] or asked["From"]
        mail["Subject"], mail["Message-ID"] = "Re: Meeting", f"<{len(self.mails)}-{who}@example.org>"
        mail["In-Reply-To"] = asked["Message-ID"]
        mail.set_content(f"{text}\n\nOn Monday {asked['From']} wrote:\n> Hello\n")
        moment, body = str(int(self.now.timestamp())), mail.as_bytes()
        signature = hmac.new(HOOK.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"Greenroom-Timestamp": moment, "Greenroom-Signature": f"sha256={signature}"}
        self.acts(self.life.client.post("/hooks/mail", data=body, headers=headers), 202)

    def book(self, who: str, start: str, session: str = "check-in") -> None:
        """By the pages: what for, when, and the button."""
        asked = {"pair": self.life.pair_id, "session": session}
        times = self.life.client.post(f"/p/{self.life.tokens[who]}/schedule", data=asked).headers["Location"]
        page = self.life.client.get(f"{urlsplit(times).path}/time?session={session}&start={start}:00Z")
        self.acts(self.life.send(page, {"action": "book"}, action="book"))

    def meeting(self, who: str, start: str) -> str:
        """The address of a meeting's page, as it stands on somebody's own."""
        (found,) = [each for each in self.life.meetings() if each.starts_at == at(f"{start}+00:00")]
        return self.life.meeting(who, found.id)

    def meet(self, who: str) -> None:
        with self.services.database.read() as session:
            named = Person.email == f"{who}@example.org"
            self.life.ids[who] = session.scalars(select(Person.id).where(named)).one()

    @property
    def ids(self) -> dict[str, int]:
        return self.life.ids

    def move(self, who: str, start: str, to: str) -> None:
        moved = {"start": f"{to}:00Z", "action": "move"}
        self.acts(self.life.client.post(f"{self.meeting(who, start)}/move", data=moved))

    def press(self, url: str, wanted: dict[str, str | None], **typed: str) -> None:
        """The form of this page that has those fields, sent with what is typed into it."""
        self.acts(self.life.send(self.life.client.get(url), wanted, **typed))

    def own(self, who: str, what: str, **typed: object) -> None:
        """A form of somebody's own page."""
        self.acts(self.life.client.post(f"/p/{self.life.tokens[who]}/{what}", data=typed))

    def agreement(self, who: str, action: str, **clauses: str) -> None:
        self.acts(self.life.act(who, action, **clauses))

    def arc(self, day: str, parts: list[str], **said: str) -> int:
        """A date of Ana's, that Ben may know of, with the parts of its arc that are booked together; its id."""
        self.own("ana", "date", pair=self.life.pair_id, day=day, **said)
        pages = re.findall(r"/arc/(\d+)", self.life.page("ana").get_data(as_text=True))
        date_id = max(map(int, pages))
        self.own("ana", "share_date", date=date_id)
        page = self.life.page("ana", f"/arc/{date_id}")
        (form,) = [form for form in forms_of(page) if any(name.startswith("start.") for name in form.fields)]
        self.acts(form.send(self.life.client, part=parts))
        return date_id

    def unended(self) -> list[tuple[str, str]]:
        """Rows of mails that neither left nor were dropped."""
        rows = self.cli("outbox", "list")
        return [(row["kind"], row["state"]) for row in rows if row["state"] not in ENDED]


def open_year(run: Callable[..., Any], monkeypatch: Any, sink: Sink, port: int, first: datetime) -> Year:
    """A new installation, as an operator sets it up by its environment."""
    monkeypatch.setenv("GREENROOM_SMTP_URL", f"smtp://127.0.0.1:{port}")
    monkeypatch.setenv("GREENROOM_PROGRAMME", "Women in Physics")
    monkeypatch.setenv("GREENROOM_CONTACT", "Cleo Park <cleo@example.org>")
    monkeypatch.setenv("GREENROOM_MAIL_HOOK_SECRET", HOOK)
    loaded = settings.load()
    monkeypatch.setenv("GREENROOM_DEMO", "1")  # for the commands: they go by the demo's clock
    set_clock = SetClock(first)
    services = replace(wiring.build(loaded), clock=set_clock, machine_clock=set_clock, jobs=RecordedJobs())
    wiring.migrate(loaded)
    monkeypatch.setattr(context, "_made", [services])
    return Year(services, run, sink)
