"""Systems outside: calendars, the broker, the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy import func, select

from service import wiring
from service.doctor.rows import WORDS, Row, sentence
from service.domain.errors import AdapterError
from service.operations import refreshing, sending, watching
from service.operations.figures import connection_counts
from service.operations.mailbox import last_read_at
from service.operations.operator import STUCK
from service.settings import Settings
from service.store.tables import Connection, Inbound, Person
from service.wiring import Services

READ_TIMEOUT = timedelta(seconds=10)
MISSED_LOOKS, PARTS_TIME = 3, timedelta(minutes=1)  # a look may wait for a batch
MOST_READ = 50  # at once: thousands would trouble their servers, and workers read them all the time


def calendars(services: Services) -> Iterator[Row]:
    """A real read of connections, all at once, those in trouble first; what came is not kept. Of those beyond
    MOST_READ it is told what the workers found."""
    with services.database.read() as session:
        connections = session.execute(
            select(Connection.id, Connection.state, Person.email)
            .join(Person, Person.id == Connection.person_id)
            .order_by(Connection.state.in_(STUCK).desc(), Connection.checked_at.nulls_first(), Connection.id)
            .limit(MOST_READ)
        ).all()
        plans = [refreshing.plan_refresh(session, services.clock(), row.id) for row in connections]
        states = connection_counts(session)
    results = refreshing.read_live([plan for plan in plans if plan is not None], services.calendars, READ_TIMEOUT)
    faults = {result.plan.connection_id: result.error for result in results}
    for connection_id, state, email in sorted(connections):
        part = f"calendar {connection_id}"
        fault = faults.get(connection_id)
        if state == "off":
            yield Row(part, "off", email)
        elif fault is not None:
            yield Row(part, "broken", WORDS("doctor.calendar", email=email, fault=sentence(fault)))
        elif state == "partial":
            yield Row(part, "look", WORDS("doctor.calendar.partial", email=email))
        else:
            yield Row(part, "well", email)
    rest = sum(states.values()) - len(connections)
    if rest:
        stuck = sum(states.get(state, 0) for state in STUCK) - sum(row.state in STUCK for row in connections)
        yield Row("calendars", "look" if stuck else "well", WORDS("doctor.calendars.rest", n=rest, stuck=stuck))


def providers(services: Services) -> Iterator[Row]:
    """Whether those that people can be sent to know us."""
    for name, authorizer in services.authorizers.items():
        try:
            authorizer.check(f"{services.settings.base_url}/oauth/{name}/callback")
        except AdapterError as fault:
            yield Row(name, "broken", sentence(fault))
        else:
            yield Row(name, "well")


def news(services: Services) -> Iterator[Row]:
    """Whether those that tell of changes can reach us, and do."""
    settings = services.settings
    if not settings.providers:
        return
    if settings.hooks_url is None:
        yield Row("news", "off", WORDS("doctor.news.off", seconds=int(settings.poll.total_seconds())))
        return
    with services.database.read() as session:
        found = watching.watched(session, services.clock(), settings.providers)
    silent = found.told == 0 and found.could > found.refused
    advice = [WORDS("doctor.news", url=settings.hooks_url, told=found.told, could=found.could)]
    if found.refused:
        advice.append(WORDS("doctor.news.refused", n=found.refused, seconds=int(settings.poll.total_seconds())))
    yield Row("news", "look" if silent else "well", " ".join(advice))


def broker(settings: Settings) -> Iterator[Row]:
    try:
        with wiring.connect_broker(settings, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (RedisError, OSError):
        if settings.redis_url is None:
            yield Row("broker", "off", WORDS("doctor.broker.off"))
        else:
            yield Row("broker", "broken", WORDS("doctor.broker.unreachable"))
    else:
        yield Row("broker", "well")


def mailbox(services: Services) -> Iterator[Row]:
    """Logs in and opens the folder; reads nothing. And whether somebody has read it lately."""
    box, server = services.mailbox, services.settings.imap
    if box is None or server is None:
        hook = services.settings.mail_hook_secret is not None
        yield _pushed(services) if hook else Row("mailbox", "off", WORDS("doctor.mailbox.off"))
        return
    try:
        with box.session():
            pass
    except AdapterError as fault:
        yield Row("mailbox", "broken", sentence(fault))
        return
    with services.database.read() as session:
        read_at = last_read_at(session, box.key)
    if read_at is None:
        yield Row("mailbox", "look", WORDS("doctor.mailbox.never", host=server.host))
    elif services.clock() - read_at > MISSED_LOOKS * services.settings.imap_poll + PARTS_TIME:
        yield Row("mailbox", "look", WORDS("doctor.mailbox.late", host=server.host, at=f"{read_at:%Y-%m-%d %H:%M} UTC"))
    else:
        yield Row("mailbox", "well", server.host)


def _pushed(services: Services) -> Row:
    url = f"{services.settings.base_url}/hooks/mail"
    with services.database.read() as session:
        last = session.scalar(select(func.max(Inbound.received_at)))
    if last is None:
        return Row("mailbox", "look", WORDS("doctor.mailbox.nothing_pushed", url=url))
    return Row("mailbox", "well", WORDS("doctor.mailbox.pushed", url=url, at=f"{last:%Y-%m-%d %H:%M} UTC"))


def sender(services: Services) -> Iterator[Row]:
    """Whether the account that mail is sent from is connected and still lets us; renews its token where it must."""
    settings = services.settings
    if settings.sending_provider is None:
        return
    with services.database.read() as session:
        found = sending.look(session, settings.sending_provider, settings.mail_address)
    if found.state != "connected":
        said = WORDS(f"doctor.sending.{found.state}", account=found.account, address=found.address)
        yield Row("mail", "broken", said)
        return
    try:
        with services.mailer.session():
            pass
    except AdapterError as fault:
        yield Row("mail", "look" if fault.code == "sender_throttled" else "broken", sentence(fault))
    else:
        yield Row("mail", "well", WORDS("doctor.sending.connected", account=found.account))


def mail(services: Services) -> Iterator[Row]:
    """Connects and, where it must, logs in; sends nothing."""
    if services.settings.sending_provider is not None:
        return  # its row is the sender's
    if services.settings.smtp is None:
        yield Row("mail", "look", WORDS("doctor.mail.local"))
        return
    try:
        with services.mailer.session():
            pass
    except AdapterError as fault:
        yield Row("mail", "broken", sentence(fault))
    else:
        yield Row("mail", "well", services.settings.smtp.host)
