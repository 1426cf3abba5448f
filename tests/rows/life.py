"""What a test of a row does to the product from outside: open pages, send their forms, let time pass, read the mail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy

from sqlalchemy import select

from service.operations import booking
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store.tables import ApiToken, Meeting
from service.store.types import fingerprint
from service.wiring import Services
from tests.web.walk import forms_of, link, text_of
from workers.clock import sweep
from workers.deliver import drain

AGE = timedelta(hours=1)


@dataclass
class Life:
    """A pair with its links. `client` is a browser without JavaScript; `services.clock` says what time it is."""

    services: Services
    client: object
    pair_id: int
    ids: dict[str, int]
    tokens: dict[str, str]

    def page(self, who, path=""):
        """A page below somebody's own."""
        return self.client.get(f"/p/{self.tokens[who]}{path}")

    def text(self, who, path=""):
        return text_of(self.page(who, path))

    def agreement(self, who):
        return self.page(who, f"/agreement/{self.pair_id}")

    def send(self, page, wanted, **typed):
        """Sends the page's first form whose fields hold all of `wanted`, with something typed into it."""
        for form in forms_of(page):
            held = {**form.fields, **{name: value for name, value in form.buttons if name}}
            if all(name in held and value in (None, held[name]) for name, value in wanted.items()):
                fields = {name.replace("__", "."): value for name, value in typed.items()}
                return form.send(self.client, **fields)
        raise AssertionError(f"no form with {wanted}")

    def act(self, who, action, **clauses):
        """One step on the page of the agreement, as its form has it."""
        typed = {f"clause__{key}": value for key, value in clauses.items()}
        only = {f"clause.{key}": None for key in clauses}
        return self.send(self.agreement(who), {"action": action, **only}, **typed)

    def sign_up(self, **said):
        """Both answer, the mentee with what is said, and the mentor alike; both sign."""
        self.act("ana", "answer", **said)
        both = {key: value for key, value in said.items() if key not in {"day_word", "feedback", "goals"}}
        self.act("ben", "answer", **both)
        for who in ("ana", "ben"):
            assert self.act(who, "sign").status_code == 303

    def book(self, start, session="check-in", date_id=None, **said):
        """A meeting, by the mentee; its id."""
        with self.services.database.write() as opened:
            wanted = BookingInput(start=start, by_id=self.ids["ana"], **said)
            query = SlotQuery(self.pair_id, session, date_id)
            return booking.book(opened, self.services.clock(), AGE, query, wanted).id

    def meeting(self, who, meeting_id):
        """The address of a meeting's page."""
        return f"/m/{link(self.services, 'meeting', self.ids[who], pair_id=self.pair_id, meeting_id=meeting_id)}"

    def followup(self, who, meeting_id):
        """The address of the page after a meeting."""
        return f"/f/{link(self.services, 'followup', self.ids[who], pair_id=self.pair_id, meeting_id=meeting_id)}"

    def meetings(self):
        with self.services.database.read() as session:
            return session.scalars(select(Meeting).order_by(Meeting.starts_at)).all()

    def pass_to(self, moment, step=timedelta(hours=6)):
        """Time goes on until then; the clock's sweeps and the mails happen on the way."""
        while True:
            self.services.clock.now = min(moment, self.services.clock.now + step)
            sweep(self.services)
            drain(self.services)
            if self.services.clock.now >= moment:
                return

    def mails(self, who=None):
        """What was sent and not yet read, parsed, oldest first; only to this person where one is named."""
        drain(self.services)
        address = f"{who}@example.org"
        mine = [sent for sent in self.services.mailer.sent if who is None or sent.recipient == address]
        for sent in mine:
            self.services.mailer.sent.remove(sent)
        return [message_from_bytes(sent.octets, policy=policy.default) for sent in mine]

    def api(self, who):
        """Headers of a program that has this person's token."""
        with self.services.database.write() as session:
            token = f"{who}-token-{self.ids[who]}"
            hashed = fingerprint(token)
            if session.scalars(select(ApiToken).where(ApiToken.token_hash == hashed)).first() is None:
                session.add(ApiToken(token_hash=hashed, person_id=self.ids[who], created_at=self.services.clock()))
        return {"Authorization": f"Bearer {token}"}


def plain(mail):
    """The text of a mail, its white space as one space."""
    return re.sub(r"\s+", " ", mail.get_body(("plain",)).get_content())


def at(text):
    """An instant."""
    return datetime.fromisoformat(text)
