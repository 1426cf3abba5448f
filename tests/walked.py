"""A pair that has lived here, walked once by everybody: what each way out says to whom, and what they can write."""

from __future__ import annotations

import email
import email.policy
import io
import json
import logging
import re
import zipfile
import zlib
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from click.testing import CliRunner
from redis import Redis
from sqlalchemy import select, update

from integrations.rq_jobs import RqJobs
from service.cli import main
from service.links import PATHS, link_for
from service.operations import booking, coordinators
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.operations.people import PersonInput
from service.settings import Settings
from service.store.database import Database, connect, sqlite_url
from service.store.tables import AgendaItem, ApiToken, Base, Link, Meeting, OutboxRow, Pair
from service.store.types import Keyring, fingerprint
from service.web import create_app
from service.web.api.frame import CALLS, PREFIX
from service.wiring import Services
from tests import cast
from tests.conftest import KEYS
from tests.crawl import crawl
from tests.fakes import MemoryCalendars, MemoryMailer, MemoryWriters, SetClock
from tests.lived import AGE, MONDAY, NOW, lived_in, stamp
from tests.planted import Secret, plant
from tests.web.walk import forms_of
from workers import clock
from workers.deliver import drain

BEFORE, AFTER = (3, 24, 72, 97, 146), (170, 175, 200)  # hours since the first meeting; the second one is at 168
TYPED = {
    "kind": "exam", "at": "2027-03-01T10:00:00Z", "zone": "UTC", "label": "INTRUSION", "shared_label": "INTRUSION",
    "text": "INTRUSION", "state": "done", "note": "INTRUSION", "place": "INTRUSION", "reason": "INTRUSION",
    "start": "2027-03-01T15:00:00Z", "starts": ["2027-03-01T15:00:00Z"], "session": "check-in",
    "clauses": {}, "goals": [], "goal": None, "answer": "adapt", "shared": True, "how": "keep",
    "text_sha256": "s", "until": None, "parts": {}, "done": [], "listen": [], "partstat": "ACCEPTED", "happened": True,
}  # fmt: skip
OF_THIS_CALL: dict[str, dict[str, object]] = {
    "/pairs/<int:pair_id>/goals": {"state": "open"},
    "/goals/<int:goal_id>": {"state": "open", "worked_when": "INTRUSION"},
    "/pairs/<int:pair_id>/suggestions": {"kind": "goal"},
}
ENDS = ("/pairs/<int:pair_id>/leave", "/pairs/<int:pair_id>/end")  # last: where it has ended nobody writes any more
FREE = ("ask", "reason", "label", "shared_label", "place", "reflection", "comment", "text", "hope", "motive")


@dataclass
class Seen:
    """What each way out said: by channel and whom it was for."""

    services: Services
    pair_id: int
    ids: dict[str, int]
    secrets: list[Secret]
    lost: dict[str, set[Secret]] = field(default_factory=dict)  # what went when they wrote wherever they could
    statuses: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    texts: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, channel: str, reader: str, text: str) -> None:
        self.texts[channel, reader].append(text)

    def said(self, channel: str, reader: str) -> set[str]:
        told = "\n".join(self.texts.get((channel, reader), ()))
        return {secret.text for secret in self.secrets if secret.text in told}


class Heard(logging.Handler):
    """Everything that a line could be made of, whatever its form is."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__} {self.format(record)}")


def services_in(folder, url):
    settings = Settings(
        data_dir=folder, secret_keys=KEYS, programme="Women in Physics", contact="Cleo Park <cleo@example.org>",
        redis_url=url,
    )  # fmt: skip
    database = Database(connect(sqlite_url(folder / "greenroom.db"), Keyring(KEYS)))
    Base.metadata.create_all(database.engine)
    stamp(database)
    return Services(
        settings=settings, database=database, clock=SetClock(NOW), mailer=MemoryMailer(), jobs=RqJobs(url),
        calendars=MemoryCalendars(), writers=MemoryWriters(),
    )  # fmt: skip


def walked(services, folder, url) -> Seen:
    pair_id = lived_in(services)
    with services.database.write() as session:
        pair = session.get_one(Pair, pair_id)
        ids = {"ana": pair.mentee_id, "ben": pair.mentor_id, "dan": cast.dan(session, NOW).id}
        cast.talk(session, NOW, pair, MONDAY + timedelta(days=20), label="A", shared_label="B", shared_at=NOW)
        ahead = session.scalars(select(Meeting).where(Meeting.pair_id == pair_id, Meeting.phase == "booked")).one()
        for at, hidden in enumerate((False, True), 50):
            session.add(AgendaItem(meeting_id=ahead.id, position=at, text="-", hidden=hidden, by_id=pair.mentee_id))
        booking.reschedule(session, NOW, AGE, ahead, ahead.starts_at + AGE, ids["ana"], reason="-")
        ahead.place, ahead.ask = "-", "-"
        later = BookingInput(start=MONDAY + timedelta(days=14), by_id=ids["ana"], ask="-", place="-")
        booking.book(session, NOW, AGE, SlotQuery(pair_id, "check-in"), later)
        for name, person_id in [*ids.items(), ("coordinator", None)]:
            session.add(ApiToken(token_hash=fingerprint(name * 9), person_id=person_id, created_at=NOW))
        session.flush()
        secrets = plant(session, pair)
    found = Seen(services, pair_id, ids, secrets)
    _mails_at(found, BEFORE)
    with services.database.write() as session:
        for meeting in session.scalars(select(Meeting)):
            for person_id in (ids["ana"], ids["ben"]):
                for purpose in ("meeting", "followup", "entry"):
                    about = {"pair_id": pair_id, "meeting_id": meeting.id}
                    link_for(session, services.clock(), purpose, person_id, **about)
        for person_id in (ids["ana"], ids["ben"]):
            for purpose in ("person", "feed", "connect"):
                link_for(session, services.clock(), purpose, person_id)
        link_for(session, services.clock(), "operator", None)
        coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "UTC"))
        for each in coordinators.coordinators(session):
            coordinators.programme_link(session, services.clock(), each)
    client = create_app(services).test_client()
    _pages(found, client)
    _calls(found, client)
    _commands(found, folder)
    _mails_at(found, AFTER)
    _mails(found)
    _broker(found, url)
    for caller in ("dan", "ben", "coordinator"):
        before = _still_there(found)
        _write(found, client, caller)
        found.lost[caller] = before - _still_there(found)
    for caller in ("dan", "ben", "coordinator"):
        for path in ENDS:
            found.statuses[caller][f"POST {path}"] = client.post(
                _path(found, path), headers=_bearer(caller)
            ).status_code
    return found


def _mails_at(found: Seen, hours_after: tuple[int, ...]) -> None:
    """What is due is written, queued and sent."""
    services = found.services
    for hours in hours_after:
        services.clock.now = MONDAY + timedelta(hours=hours)
        clock.sweep(services)
        clock.dispatch(services)
        with services.database.write() as session:  # nobody works on the queue: given back, and sent from here
            given_back = {"state": "pending", "token": None, "lease_until": None}
            session.execute(update(OutboxRow).where(OutboxRow.state == "queued").values(given_back))
        drain(services)


def _mails(found: Seen) -> None:
    for mail in found.services.mailer.sent:
        reader = mail.recipient.removesuffix("@example.org")
        parsed = email.message_from_bytes(mail.octets, policy=email.policy.default)
        found.add("subject", reader, str(parsed["subject"]))
        found.add("header", reader, "\n".join(f"{name}: {value}" for name, value in parsed.items()))
        for part in parsed.walk():
            if part.is_multipart():
                continue
            octets = part.get_payload(decode=True) or b""
            text = octets.decode(errors="replace").replace("\r\n ", "")
            found.add("mail", reader, text)
            found.add("header", reader, "\n".join(f"{name}: {value}" for name, value in part.items()))
            if part.get_content_type() == "text/calendar":
                found.add("mail.ics", reader, text)


def _pages(found: Seen, client) -> None:
    """Every page that somebody's links lead to, one of each shape; and what a stranger gets."""
    with found.services.database.read() as session:
        links = [(each.person_id, each.purpose, each.token) for each in session.scalars(select(Link))]
    names = {person_id: name for name, person_id in found.ids.items()}
    for name in ("ana", "ben"):
        own = [(purpose, token) for person_id, purpose, token in links if names.get(person_id) == name]
        starts = [f"/{PATHS[purpose]}/{token}" for purpose, token in own if purpose in PATHS]
        for path, text in crawl(client, [each for each in starts if "/feeds/" not in each]):
            channel = "entry" if path.startswith("/i/") else "download" if path.endswith(".ics") else "page"
            found.add(channel, name, text.replace("\r\n ", ""))
            found.add("address", name, path)
        for token in (token for purpose, token in own if purpose == "feed"):
            found.add("feed", name, client.get(f"/feeds/{token}.ics").get_data(as_text=True).replace("\r\n ", ""))
    for token in (token for person_id, purpose, token in links if purpose == "operator"):
        found.add("operator page", "operator", client.get(f"/operator/{token}").get_data(as_text=True))
    for token in (token for _, purpose, token in links if purpose == "programme"):
        for _, text in crawl(client, [f"/programme/{token}"]):
            found.add("programme page", "coordinator", text)
    for path in (*(f"/{path}/nobodys" for path in PATHS.values()), "/nowhere", f"{PREFIX}/nowhere", f"{PREFIX}/me"):
        found.add("error page", "stranger", client.get(path).get_data(as_text=True))
    for path in ("/metrics", "/health/ready", "/health/live"):
        channel = "metrics" if path == "/metrics" else "health"
        found.add(channel, "operator", client.get(path).get_data(as_text=True))


def _path(found: Seen, path: str) -> str:
    path = re.sub(r"<int:\w+>", "1", path)
    return PREFIX + path


def _calls(found: Seen, client) -> None:
    for call in CALLS:
        if call.method == "GET":
            for caller in ("ana", "ben", "dan", "coordinator"):
                query = "?session=check-in" if call.path.endswith("slots") else ""
                answer = client.get(_path(found, call.path) + query, headers=_bearer(caller))
                assert answer.status_code < 500, call.path
                found.add("stranger's call" if caller == "dan" else "api", caller, answer.get_data(as_text=True))


def _bearer(caller: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller * 9}"}


def _write(found: Seen, client, caller: str) -> None:
    """Every call that changes something, and every form of every page, with words of theirs wherever words go."""
    for call in CALLS:
        if call.method != "GET" and call.path not in ENDS:
            names = call.body.model_fields if call.body is not None else ()
            typed = TYPED | OF_THIS_CALL.get(call.path, {})
            body = {name: typed[name] for name in names if name in typed}
            answer = client.open(_path(found, call.path), method=call.method, json=body, headers=_bearer(caller))
            found.statuses[caller][f"{call.method} {call.path}"] = answer.status_code
    with found.services.database.read() as session:
        theirs = Link.purpose == "programme" if caller == "coordinator" else Link.person_id == found.ids[caller]
        own = session.scalars(select(Link).where(theirs))
        pages = [f"/{PATHS[each.purpose]}/{each.token}" for each in own if each.purpose in PATHS.keys() - {"feed"}]
    for path, _ in crawl(client, pages):
        page = client.get(path)
        for form in forms_of(page) if page.mimetype == "text/html" else ():
            if "/end" in form.action:
                continue
            typed = {name: "INTRUSION" for name in form.fields if name.split(".")[-1] in FREE}
            answer = form.send(client, form.buttons[0] if form.buttons else None, **typed)
            assert answer.status_code < 500


def _still_there(found: Seen) -> set[Secret]:
    """In its own table: a mail that went out repeats what it said."""
    with found.services.database.read() as session:
        kept = {name: str(session.execute(select(table)).all()) for name, table in Base.metadata.tables.items()}
    return {secret for secret in found.secrets if secret.text in kept[secret.column.partition(".")[0]]}


def _commands(found: Seen, folder) -> None:
    said = {"GREENROOM_DATA_DIR": str(folder), "GREENROOM_SECRET_KEYS": ",".join(KEYS)}
    asked = [
        "pair list", "pair show 1", "outbox list", "outbox show 1", "outbox held", "inbox show", "slots 1",
        "person hours ana@example.org",
    ]  # fmt: skip
    for command in asked:
        for more in ([], ["--json"]):
            result = CliRunner().invoke(main, [*command.split(), *more], env=said)
            assert "Traceback" not in result.output
            found.add("cli", "operator", result.output)
    for name in ("ana", "ben"):
        result = CliRunner().invoke(main, ["export", f"{name}@example.org", "-"], env=said)
        with zipfile.ZipFile(io.BytesIO(result.stdout_bytes)) as file:
            assert json.loads(file.read("data.json"))["pairs"]
            for member in file.namelist():
                if not member.endswith(".pdf"):
                    found.add("export", name, file.read(member).decode())


def _broker(found: Seen, url: str) -> None:
    """Keys, values, jobs and what limits count, as the broker keeps them."""
    broker = Redis.from_url(url)
    keys = broker.keys()
    assert any(key.startswith(b"rq:job:") for key in keys)
    for key in keys:
        kind = broker.type(key)
        values = {
            b"string": lambda key: [broker.get(key)],
            b"hash": lambda key: [octets for pair in broker.hgetall(key).items() for octets in pair],
            b"list": lambda key: broker.lrange(key, 0, -1),
            b"set": broker.smembers,
            b"zset": lambda key: broker.zrange(key, 0, -1),
        }[kind](key)
        for octets in (key, *values):
            found.add("redis", "operator", octets.decode(errors="replace"))
            with suppress(zlib.error):  # how RQ keeps a job's arguments
                found.add("redis", "operator", zlib.decompress(octets).decode(errors="replace"))
