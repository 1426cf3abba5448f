"""Reading what is due, many at a time: a slow server and a broken row hold up nobody else."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from service.domain.errors import AdapterError
from service.operations import turns
from service.store.tables import Calendar, CalendarHost, Connection, Person
from service.store.types import fingerprint
from tests.fakes import MemoryCalendar
from workers import busy

HOUR = timedelta(hours=1)


def connect(services, *urls):
    now = services.clock()
    with services.database.write() as session:
        for number, url in enumerate(urls):
            person = Person(email=f"{number}@example.org", name=str(number), zone="UTC", created_at=now)
            session.add(person)
            session.flush()
            made = Connection(person_id=person.id, provider="ics", url=url, created_at=now, due_at=now)
            made.host_hash = turns.host_hash("ics", url)
            made.calendars = [Calendar(key="main", key_hash=fingerprint("main"), name="Work")]
            session.add(made)


def read_urls(services):
    """Of the connections that have been read well."""
    with services.database.read() as session:
        rows = session.scalars(
            select(Connection).where(Connection.state == "connected", Connection.due_at > services.clock())
        )
        return {row.url for row in rows}


def wait_for(reached):
    until = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.02)


class Gate(MemoryCalendar):
    """Answers when it is opened, and counts who stands before it."""

    def __init__(self):
        super().__init__()
        self.open, self.before, self.most, self.lock = threading.Event(), 0, 0, threading.Lock()

    def fetch(self, *arguments):
        with self.lock:
            self.before += 1
            self.most = max(self.most, self.before)
        assert self.open.wait(20)
        with self.lock:
            self.before -= 1
        return super().fetch(*arguments)


@pytest.mark.databases
def test_a_slow_server_holds_up_nobody_else(services):
    slow, quick = [f"https://slow.example/{n}" for n in range(9)], [f"https://h{n}.example/" for n in range(30)]
    connect(services, *slow, *quick)
    gate = Gate()
    for url in slow:
        services.calendars.by_url[url] = gate
    reader = threading.Thread(target=busy.read_due, args=(services,))
    reader.start()
    try:
        wait_for(lambda: read_urls(services) == set(quick) and gate.before == services.settings.reads_per_host)
    finally:
        gate.open.set()
        reader.join(20)
    assert read_urls(services) == {*slow, *quick}
    assert gate.most == services.settings.reads_per_host


def test_a_connection_whose_row_is_broken_holds_up_nobody_else_and_is_not_tried_at_once(services, caplog):
    connect(services, "https://a.example/", "https://b.example/")
    with services.database.write() as session:
        session.execute(text("UPDATE connections SET url = :octets WHERE id = 1"), {"octets": b"garbage" * 9})
    for _ in range(2):
        busy.read_due(services)
    with services.database.read() as session:
        checked = session.execute(select(Connection.id, Connection.checked_at).order_by(Connection.id)).all()
    assert [at is None for _, at in checked] == [True, False]
    assert [record.connection for record in caplog.records] == [1]


def test_a_server_that_says_later_is_asked_once_and_then_left_alone(services):
    urls = [f"https://busy.example/{n}" for n in range(9)]
    connect(services, *urls, "https://a.example/")
    refusing = MemoryCalendar(fault=AdapterError("throttled", permanent=False, retry_after=HOUR, host="busy.example"))
    for url in urls:
        services.calendars.by_url[url] = refusing
    busy.read_due(services)
    assert refusing.reads == services.settings.reads_per_host, "those that were asked before it said so"
    assert read_urls(services) == {"https://a.example/"}
    services.clock.advance(minutes=59)
    busy.read_due(services)
    assert refusing.reads == services.settings.reads_per_host
    services.clock.advance(minutes=1)
    refusing.fault = None
    busy.read_due(services)
    assert read_urls(services) == {*urls, "https://a.example/"}
    with services.database.read() as session:
        assert session.scalars(select(CalendarHost)).one().wait_until == services.clock()


def test_a_reader_that_has_read_long_enough_leaves_the_rest_to_the_next(services):
    connect(services, "https://a.example/")
    busy.read_due(services, keep_on=timedelta(0))
    assert read_urls(services) == set()
