"""A mentor connects Google by our pages and Google's own client, end to end against the strict fake: what is seen, what
becomes of a box that was unticked, and what happens at Google when it is taken away."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from integrations.google_consent import FREE_BUSY, LIST, OWNED
from service import wiring
from service.store.tables import Calendar, Connection, Grant, Meeting, Pair
from service.web import create_app
from service.wiring import utc_now
from tests.integrations.google_fake import google
from tests.integrations.google_world import reaching
from tests.web.walk import first_card, form_of, link, text_of

BEN = "ben@example.com"  # at Google; we write to another address
DENTIST = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)


@pytest.fixture
def fake():
    with google(utc_now) as made:
        made.oauth.account(BEN)
        made.calendar(BEN).put(DENTIST, DENTIST + timedelta(hours=1), "one")
        made.calendar(BEN, "Family")
        made.calendar(BEN, "Holidays", access_role="reader")
        yield made


@pytest.fixture
def services(services, fake):
    with reaching(services, fake) as ours:
        fake.oauth.redirect_uris.add(f"{ours.settings.base_url}/oauth/google/callback")
        yield ours


@pytest.fixture
def mentor_id(services, ana):
    with services.database.read() as session:
        return session.get(Pair, ana[1]).mentor_id


def connect(client, services, fake, mentor_id, access="busy", **how):
    token = link(services, "connect", mentor_id)
    there = client.post(f"/connect/{token}/consent", data={"provider": "google", "access": access})
    answer = fake.consent(there.headers["Location"], BEN, **how)
    return client.get("/oauth/google/callback", query_string=answer, follow_redirects=True)


def test_who_connects_google_sees_their_calendars_and_their_next_busy_times(client, services, fake, mentor_id):
    assert "Your usual hours you are here" in text_of(client.get(f"/connect/{link(services, 'connect', mentor_id)}"))
    page = text_of(connect(client, services, fake, mentor_id))
    assert "Busy times you are here" in page
    assert f"({BEN}): connected" in page
    assert "3 calendars, 2 counted" in page
    assert "Fri 26 Feb, 10:00" in page
    assert "SECRET" not in page
    with services.database.read() as session:
        assert session.scalars(select(Connection)).one().access == "busy"
        assert sorted(session.scalars(select(Calendar.key))) == ["Family", "Holidays", BEN]


def test_an_unticked_box_costs_what_it_was_for_and_no_more(client, services, fake, mentor_id):
    assert "connected" in text_of(connect(client, services, fake, mentor_id, "write", untick=(OWNED,)))
    with services.database.read() as session:
        assert session.scalars(select(Connection)).one().access == "busy"
    refused = connect(client, services, fake, mentor_id, untick=(FREE_BUSY, LIST))
    assert refused.status_code == 422
    assert "leave every box ticked" in text_of(refused)
    assert [grant.revoked for grant in fake.oauth.grants] == [False, False], "what stands would end with it"


def test_a_no_at_google_is_an_answer(client, services, fake, mentor_id):
    refused = connect(client, services, fake, mentor_id, deny=True)
    assert refused.status_code == 422
    assert "You said no there" in text_of(refused)


def test_a_wrong_secret_is_told_with_a_way_on(services, fake, mentor_id):
    with reaching(replace(services, settings=replace(services.settings, **fake.settings)), fake) as ours:
        wrong = replace(ours.settings, google_client_secret="another")
        built = wiring.build(wrong)
        client = create_app(replace(built, clock=services.clock, jobs=services.jobs)).test_client()
        refused = connect(client, services, fake, mentor_id)
        built.database.close()
    assert refused.status_code == 422
    assert "client id and secret; a feed address works meanwhile" in text_of(refused)


def test_s18_times_are_listed_without_asking_google_and_a_booking_waits_for_it_no_longer_than_was_set(
    client, services, fake, ana, mentor_id
):
    connect(client, services, fake, mentor_id)
    hasty = replace(services, settings=replace(services.settings, live_read=timedelta(seconds=0.5)))
    client = create_app(hasty).test_client()
    client.get(f"/s/{ana[0]}")
    fake.delay, before, began = 3, len(fake.journal), time.monotonic()
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    assert len(fake.journal) == before
    refused = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book"))
    assert time.monotonic() - began < fake.delay
    assert refused.status_code == 503
    assert "Not booked: we cannot check the calendar of Ben" in text_of(refused)
    with services.database.read() as session:
        assert session.scalars(select(Meeting)).all() == []


def test_what_is_taken_away_here_ends_there(client, services, fake, mentor_id):
    connect(client, services, fake, mentor_id)
    page = link(services, "person", mentor_id)
    with services.database.read() as session:
        connection_id = session.scalars(select(Connection.id)).one()
    client.post(f"/p/{page}/remove", data={"connection": connection_id})
    assert [grant.revoked for grant in fake.oauth.grants] == [True]
    with services.database.read() as session:
        assert session.scalars(select(Grant)).all() == []


def test_who_connects_again_after_a_password_change_has_everything_as_before(client, services, fake, mentor_id):
    connect(client, services, fake, mentor_id)
    with services.database.write() as session:
        [family] = [each for each in session.scalars(select(Calendar)) if each.key == "Family"]
        family.counts = False
    fake.oauth.grants[-1].revoked = True
    assert "2 counted" not in text_of(connect(client, services, fake, mentor_id))
    with services.database.read() as session:
        connection = session.scalars(select(Connection)).one()
        assert connection.state == "connected"
        assert {each.key for each in connection.calendars if each.counts} == {BEN}
