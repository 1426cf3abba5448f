"""What an erased person's calendar and its provider are told, while there still are tokens for it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.cli.data import erase_person
from service.domain.errors import AdapterError
from service.store.tables import CalendarWatch, CalendarWrite, Connection, Grant
from service.store.types import OfRow, fingerprint
from service.watcher import Watch
from tests import cast
from tests.fakes import MemoryAuthorizer
from tests.operations.test_booking import NOW, book
from tests.operations.test_events import calendar, connect, run

pytestmark = pytest.mark.databases


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW, place="Room 5").id


def granted(services, connection_id):
    with services.database.write() as session:
        session.add(
            Grant(
                connection_id=connection_id, account_hash=fingerprint("ana"), account="ana@example.org", scopes="",
                granted_at=NOW, tokens=OfRow(connection_id, "ana's tokens"),
            )
        )  # fmt: skip


def test_the_meetings_leave_the_calendar_its_guest_is_told_and_the_grant_ends(services, pair_id):
    google = MemoryAuthorizer()
    services = replace(services, authorizers={"google": google})
    granted(services, connect(services, "ana"))
    connect(services, "ben")
    book(services, pair_id, invite_by="calendar")
    run(services)
    ana = calendar(services, "ana")
    assert erase_person(services, "ana@example.org") == 0
    assert (ana.events, ana.told[-1]) == ({}, ("cancel", "ben@example.org"))
    assert google.revoked == ["ana's tokens"]
    with services.database.read() as session:
        assert [each.url for each in session.scalars(select(Connection))] == ["ben"]
        assert session.scalars(select(CalendarWrite)).all() == []


def test_a_provider_that_nobody_can_reach_keeps_nobody_from_being_erased(services, pair_id):
    services = replace(services, authorizers={})
    granted(services, connect(services, "ana"))
    book(services, pair_id, invite_by="calendar")
    run(services)
    calendar(services, "ana").fault = AdapterError("timeout", permanent=False)
    assert erase_person(services, "ana@example.org") == 1
    with services.database.read() as session:
        assert session.scalars(select(Connection)).all() == []


def test_who_is_only_invited_is_erased_and_the_event_goes_from_the_calendar_that_invited(services, pair_id):
    connect(services, "ana")
    book(services, pair_id, invite_by="calendar")
    run(services)
    assert erase_person(services, "ben@example.org") == 0
    run(services)
    assert calendar(services, "ana").events == {}


class Watching:
    """service.watcher.WatcherFactory whose provider lets go of `held` alone; every watch needs tokens that stand."""

    def __init__(self, services, held):
        self.services, self.held, self.asked = services, held, []

    def __call__(self, provider, url, connection_id):
        with self.services.database.read() as session:
            assert session.get(Grant, connection_id) is not None, "too late"
        return self

    def stop(self, watch, timeout):
        self.asked.append(watch)
        if watch.id != self.held:
            raise AdapterError("timeout", permanent=False)


@pytest.mark.parametrize("held", ["channel", "nothing"])
def test_the_provider_is_asked_to_tell_no_more_while_there_are_tokens(services, pair_id, held):
    connection_id = connect(services, "ana")
    granted(services, connection_id)
    watching = Watching(services, held)
    with services.database.write() as session:
        session.add(
            CalendarWatch(
                connection_id=connection_id, channel="channel", token_hash="h", resource="resource",
                expires_at=NOW + timedelta(days=3),
            )
        )  # fmt: skip
    google = MemoryAuthorizer()
    assert erase_person(replace(services, authorizers={"google": google}, watchers=watching), "ana@example.org") == 0
    assert watching.asked == [Watch("channel", "resource", NOW + timedelta(days=3))]
    assert google.revoked == ["ana's tokens"]
    with services.database.read() as session:
        assert session.scalars(select(CalendarWatch)).all() == []
