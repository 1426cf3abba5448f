"""The machine and how it is reached: the address of the pages, proxies, the data folder, the clock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select

from service.doctor.rows import WORDS, Row, sentence
from service.domain.errors import AdapterError
from service.ports import LiveAnswer, OwnAddress
from service.settings import Settings
from service.store.tables import Heartbeat, OutboxRow
from service.wiring import Services, utc_now

MEGABYTE = 1024 * 1024  # bytes
ENOUGH_SPACE = 500 * MEGABYTE  # the database writes twice what it keeps for a moment
NEEDED_SPACE = 16 * MEGABYTE  # SQLite's log before it is written back (1,000 pages), the same again, and the broker's
ASK_TIMEOUT = timedelta(seconds=5)
BEHIND_OURS = timedelta(minutes=2)  # machines that share a database may be this far apart
BESIDE_OTHERS = timedelta(seconds=30)  # an answer's Date counts whole seconds, and takes its time to come


def ask(address: OwnAddress) -> LiveAnswer | AdapterError:
    try:
        return address.ask(ASK_TIMEOUT)
    except AdapterError as fault:
        return fault


def address(settings: Settings, answer: LiveAnswer | AdapterError) -> Iterator[Row]:
    """Whether links in mails lead here."""
    url = settings.base_url
    if not settings.mail_stays and settings.loopback:
        yield Row("address", "broken", WORDS("doctor.address.loopback", url=url))
    elif isinstance(answer, LiveAnswer):
        said = url if answer.ours else WORDS("doctor.address.stranger", url=url)
        yield Row("address", "well" if answer.ours else "look", said)
    elif settings.loopback:
        yield Row("address", "off", WORDS("doctor.address.off", url=url))
    else:
        yield Row("address", "look", WORDS("doctor.address.silent", url=url, fault=sentence(answer)))


def proxies(settings: Settings) -> Iterator[Row]:
    count, tls = settings.trusted_proxies, settings.base_url.startswith("https:")
    if tls and not count:
        yield Row("proxies", "look", WORDS("doctor.proxies.none"))
    elif count and not tls:
        yield Row("proxies", "look", WORDS("doctor.proxies.needless"))
    else:
        yield Row("proxies", "well", WORDS("doctor.proxies", n=count) if count else WORDS("doctor.proxies.no"))


def disk(settings: Settings) -> Iterator[Row]:
    folder = settings.data_dir
    # Asked, not tried: it says no where the file system is read-only, to root too, and leaves nothing behind.
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        yield Row("disk", "broken", WORDS("doctor.disk.read_only", folder=folder))
        return
    free = shutil.disk_usage(folder).free
    megabytes, needed = free // MEGABYTE, NEEDED_SPACE // MEGABYTE
    if free < NEEDED_SPACE:
        yield Row("disk", "broken", WORDS("doctor.disk.full", megabytes=megabytes, needed=needed, folder=folder))
    elif free < ENOUGH_SPACE:
        yield Row("disk", "look", WORDS("doctor.disk.low", megabytes=megabytes, folder=folder))
    else:
        yield Row("disk", "well", WORDS("doctor.disk", megabytes=megabytes, folder=folder))


def time(services: Services, answer: LiveAnswer | AdapterError) -> Iterator[Row]:
    """This machine's clock beside what was written before, the database's, and an answer's Date."""
    if services.settings.demo:
        return
    ahead = _latest_written(services) - utc_now()
    beside = {"database": _ahead_of_database(services)}
    if isinstance(answer, LiveAnswer) and answer.dated_at is not None:
        beside["address"] = answer.seen_at - answer.dated_at
    off = {where: by for where, by in beside.items() if by is not None and abs(by) > BESIDE_OTHERS}
    if ahead > BEHIND_OURS:
        yield Row("time", "broken", WORDS("doctor.time.behind", minutes=int(ahead.total_seconds() // 60)))
    elif off:
        where, by = max(off.items(), key=lambda each: abs(each[1]))
        key = f"doctor.time.{'fast' if by > timedelta(0) else 'slow'}"
        what = WORDS(f"doctor.time.beside.{where}")
        yield Row("time", "broken", WORDS(key, seconds=int(abs(by).total_seconds()), beside=what))
    else:
        yield Row("time", "well", f"{utc_now():%Y-%m-%d %H:%M} UTC")


def _latest_written(services: Services) -> datetime:
    with services.database.read() as session:
        latest = (session.scalar(select(func.max(at))) for at in (OutboxRow.created_at, Heartbeat.at))
        return max((moment for moment in latest if moment is not None), default=utc_now())


def _ahead_of_database(services: Services) -> timedelta | None:
    """How far this clock is ahead of the database's; None where both are one machine's."""
    if services.database.engine.dialect.name != "postgresql":
        return None
    with services.database.read() as session:
        before = utc_now()
        theirs: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return before + (utc_now() - before) / 2 - theirs
