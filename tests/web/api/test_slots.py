"""Every bookable time, a page at a time; of the other person nothing but that they cannot."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import date as day

import pytest
from sqlalchemy import select

from service.catalogue import Words
from service.domain.availability import DEFAULT, to_json
from service.operations import people
from service.operations.offering import SlotQuery, offer
from service.reasons import reason_text
from tests import cast
from tests.web.api.client import NOW


def test_slots_hold_every_time_paged_best_first(world):
    path = f"/pairs/{world['pair']}/slots?session=check-in&from=2027-02-08&to=2027-02-20"
    whole = world["ana"]("GET", path + "&limit=500").json
    assert whole["next"] is None
    assert [slot["score"] for slot in whole["slots"]] == sorted((s["score"] for s in whole["slots"]), reverse=True)
    pages, cursor = [], ""
    while cursor is not None:
        page = world["ana"]("GET", f"{path}&limit=37&cursor={cursor}").json
        pages += page["slots"]
        cursor = page["next"]
    assert pages == whole["slots"]
    assert len(world["ana"]("GET", path).json["slots"]) == min(100, len(pages))
    slot = pages[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", slot["start"])
    assert {"code", "text"} <= slot["reasons"][0].keys()
    assert [source["provider"] for source in whole["sources"]] == ["hours", "hours"]


def test_zone_only_adds_labels(world):
    path = f"/pairs/{world['pair']}/slots?session=check-in"
    plain, there = world["ana"]("GET", path).json, world["ana"]("GET", path + "&zone=Pacific/Auckland").json
    assert [slot["start"] for slot in plain["slots"]] == [slot["start"] for slot in there["slots"]]
    assert "local" in there["slots"][0]


@pytest.mark.parametrize(
    "query", ["session=x", "session=check-in&limit=0", "session=check-in&limit=501", "session=check-in&cursor=!!",
              "session=check-in&zone=Mars/X", "session=check-in&from=soon", "session=check-in&minutes=x",
              "session=check-in&from=2027-02-10&to=2027-02-09"],
)  # fmt: skip
def test_queries_that_make_no_sense_are_told(world, query):
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["detail"]


def test_of_the_other_person_only_unavailable(services, world):
    """The whole answer is the same for a busy, an off-hours and a capped mentor."""
    path = f"/pairs/{world['pair']}/slots?session=check-in&from=2027-02-08&to=2027-02-09&refusals=1"
    answers = []
    for change in ("busy", "hours", "cap"):
        with services.database.write() as session:
            pair = session.get(cast.Pair, world["pair"])
            pair.mentor.availability = None
            for connection in session.scalars(select(cast.Connection)):
                session.delete(connection)
            if change == "busy":
                _busy_all_day(session, pair.mentor_id)
            elif change == "hours":
                pair.mentor.availability = {"hours": "Tue-Fri 09:00-17:00"}
            else:
                pair.mentor.availability = {"cap_day": 0}
        answer = world["ana"]("GET", path)
        told = answer.get_data(as_text=True)
        answers.append(re.sub(r'"sources":\[.*?\]', "", told))
    assert answers[0] == answers[1] == answers[2]
    assert '"unavailable"' in answers[0]
    assert "cap" not in answers[0]


def _busy_all_day(session, person_id):
    from service.domain.interval import pack
    from service.store.tables import Calendar

    start = int(datetime(2027, 2, 8, tzinfo=UTC).timestamp())
    made = cast.Connection(person_id=person_id, provider="ics", url="x", state="connected", created_at=NOW)
    made.calendars = [
        Calendar(
            key="", key_hash="h", name="", counts=True, partial=False, verified_at=NOW,
            busy=pack([(start, start + 86400)]),
            window_from=NOW - timedelta(days=1), window_until=NOW + timedelta(days=93),
        )
    ]  # fmt: skip
    session.add(made)


def test_a_mentors_own_reasons_are_full(world):
    answer = world["ben"]("GET", f"/pairs/{world['pair']}/slots?session=check-in&refusals=1").json
    codes = {each["code"] for each in answer["refusals"]}
    assert "hours" in codes
    assert "unavailable" in codes


def test_an_arc_without_times_offers_the_nearest(world):
    soon = {"kind": "presentation", "at": "2027-02-04T15:00", "zone": "Europe/Lisbon"}
    date_id = world["ana"]("POST", f"/pairs/{world['pair']}/dates", soon).json["id"]
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=practice&date={date_id}").json
    assert answer["slots"] == []
    assert len(answer["nearest"]) == 10


@pytest.mark.parametrize("query", ["limit=²", "minutes=²", "from=0001-01-01", "to=9999-12-31"])
def test_odd_numbers_and_years_are_told(world, query):
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in&{query}")
    assert answer.status_code == 422


def test_an_ended_pair_is_offered_nothing(services, world):
    with services.database.write() as session:
        people.end_pair(session, NOW, session.get(cast.Pair, world["pair"]))
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in")
    assert (answer.status_code, answer.json["code"]) == (403, "pair_ended")


def test_a_time_that_goes_between_two_pages_hides_no_other(world):
    path = f"/pairs/{world['pair']}/slots?session=check-in&from=2027-02-08&to=2027-02-20"
    every = world["ana"]("GET", path + "&limit=500").json["slots"]
    first = world["ana"]("GET", path + "&limit=10").json
    body = {"start": first["slots"][0]["start"], "session": "check-in"}
    assert world["ana"]("POST", f"/pairs/{world['pair']}/meetings", body).status_code == 201
    left = world["ana"]("GET", path + "&limit=500").json["slots"]
    rest = world["ana"]("GET", f"{path}&limit=500&cursor={first['next']}").json["slots"]
    assert rest == [slot for slot in every[10:] if slot in left]
    assert len(rest) > 10


@pytest.mark.parametrize("date", [False, True])
@pytest.mark.parametrize("reader", ["ana", "ben"])
def test_every_slot_reads_as_when_each_is_written_alone(services, world, reader, date):
    """Day and night over the nights in which Lisbon and New York put their clocks back: what is written once for many
    is what it would be for each."""
    services.clock.now = datetime(2027, 10, 28, 12, tzinfo=UTC)
    with services.database.write() as session:
        pair = session.get(cast.Pair, world["pair"])
        for person in (pair.mentee, pair.mentor):
            person.availability = to_json(replace(DEFAULT, weekly=dict.fromkeys(range(7), ((0, 1440),))))
        talk = cast.talk(session, NOW, pair, datetime(2027, 11, 12, 15, tzinfo=UTC), shared_at=NOW)
        query = SlotQuery(
            pair.id, "practice", talk.id if date else None, None, day(2027, 10, 31), day(2027, 11, 10),
            reader="mentee" if reader == "ana" else "mentor",
        )  # fmt: skip
    asked = f"session=practice&from=2027-10-31&to=2027-11-10&limit=500{f'&date={query.date_id}' if date else ''}"
    told, cursor = [], ""
    while cursor is not None:
        answer = world[reader]("GET", f"/pairs/{query.pair_id}/slots?{asked}&cursor={cursor}").json
        told, cursor = told + answer["slots"], answer["next"]
    words = Words.of("en")
    with services.database.read() as session:
        found = offer(session, services.clock(), timedelta(hours=1), query).proposals.slots
    assert told == [
        {
            "start": f"{slot.start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{slot.end:%Y-%m-%dT%H:%M:%SZ}",
            "score": slot.score,
            "reasons": [{"code": r.code, "text": reason_text(words, r, slot.start)} for r in slot.reasons],
        }
        for slot in found
    ]
    assert len(told) > 700
    wall = {reason["text"] for slot in told for reason in slot["reasons"] if "(UTC" in reason["text"]}
    assert len(wall) == 8  # four quarters, each twice, on the other's wall
