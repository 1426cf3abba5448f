"""What the pages around a meeting can do, by calls: getting ready, a whole arc, yes or no, how it was, the rhythm."""

from __future__ import annotations

from datetime import timedelta

from service.store.tables import Pair
from tests import cast
from tests.web.api.client import NOW, book


def codes(answer):
    return answer.status_code, [(each["field"], each["code"]) for each in answer.json["errors"]]


def test_an_arc_is_listed_with_its_times_and_booked_whole_or_in_part_or_not_at_all(world):
    path = f"/dates/{world['date']}/arc"
    ana, ben = world["ana"], world["ben"]
    assert [ben("GET", path).status_code, world["dan"]("GET", path).status_code] == [404, 404], "it is not shared"
    told = {each["role"]: each for each in ana("GET", path).json["items"]}
    assert list(told) == ["shape", "practice", "word", "debrief"]
    assert told["word"]["time"] is None, "a written word is no meeting"
    shape, practice, debrief = (told[role]["time"]["start"] for role in ("shape", "practice", "debrief"))
    assert shape < practice < debrief
    assert told["practice"]["time"]["reasons"][0]["text"]
    assert codes(ana("POST", path, {"parts": {"practice": "soon"}})) == (422, [("parts.practice", "bad_time")])
    unbookable = {"parts": {"shape": shape, "practice": "2027-02-22T03:00:00Z"}}
    assert ana("POST", path, unbookable).status_code == 422
    assert [each["meeting"] for each in ana("GET", path).json["items"]] == [None] * 4, "none without the other"
    for _ in range(2):  # what stands is left as it is
        booked = ana("POST", path, {"parts": {"shape": shape, "practice": practice}})
        assert booked.status_code == 200
        held = {each["role"]: each["meeting"] for each in booked.json["items"]}
        assert (held["shape"], held["practice"], held["debrief"]) == (1, 2, None), "in part"
    assert ana("GET", f"/meetings/{held['practice']}").json["links"]["page"]
    whole = ana("POST", path, {"parts": {"debrief": debrief}}).json["items"]
    assert [each["meeting"] for each in whole if each["session"]] == [1, 2, 3]


def test_each_ticks_their_own_list_and_the_mentee_says_what_to_watch(world):
    meeting = f"/meetings/{book(world).json['id']}"
    ana, ben = world["ana"], world["ben"]
    told = ana("GET", f"{meeting}/preparation").json
    assert [each["key"] for each in told["mine"]] == ["slides", "watch_for"]
    assert told["mine"][0]["text"] == "Send Ben the slides"
    assert (told["listened"], "opening" in told["listen"]) == ([], True)
    ticked = ana("PUT", f"{meeting}/preparation", {"done": ["slides", "read_slides"]}).json
    assert [each["done"] for each in ticked["mine"] + ticked["theirs"]] == [True, False, False], "one's own list"
    assert [each["done"] for each in ben("GET", f"{meeting}/preparation").json["theirs"]] == [True, False]
    assert ana("PUT", f"{meeting}/listen", {"listen": ["opening"]}).json["listened"] == ["opening"]
    assert codes(ana("PUT", f"{meeting}/listen", {"listen": ["shoes"]})) == (422, [("listen", "unknown_choice")])
    assert ben("PUT", f"{meeting}/listen", {"listen": []}).status_code == 403
    assert ben("POST", f"{meeting}/unready").status_code == 403
    before = ana("GET", meeting).json["agenda"]
    after = ana("POST", f"{meeting}/unready").json["agenda"]
    assert after[1:] == before
    assert world["dan"]("GET", f"{meeting}/preparation").status_code == 404


def test_what_the_mentee_wants_whether_it_happened_and_what_one_thinks_of_it(services, world):
    held = book(world).json
    meeting = f"/meetings/{held['id']}"
    ana, ben = world["ana"], world["ben"]
    assert ana("PUT", f"{meeting}/ask", {"text": "Be sure of my opening"}).json == {"text": "Be sure of my opening"}
    assert ben("GET", f"{meeting}/ask").json == {"text": "Be sure of my opening"}
    assert ben("PUT", f"{meeting}/ask", {"text": "Mine"}).status_code == 404
    yes = ben("PUT", f"{meeting}/attendance", {"partstat": "ACCEPTED"}).json
    assert [each["partstat"] for each in yes["attendees"]] == ["NEEDS-ACTION", "ACCEPTED"]
    assert ana("PUT", f"{meeting}/happened", {"happened": True}).status_code == 409, "it has not begun"
    services.clock.now = NOW + timedelta(days=40)
    assert ana("PUT", f"{meeting}/happened", {"happened": True}).json == {"happened": True}
    assert ana("PUT", f"{meeting}/reflection", {"text": "I was calm"}).json == {"text": "I was calm"}
    assert ana("GET", f"{meeting}/reflection").json == {"text": "I was calm"}
    assert ben("GET", f"{meeting}/reflection").json == {"text": None}
    assert codes(ana("PUT", f"{meeting}/reflection", {"text": "x" * 100_000})) == (422, [("reflection", "too_long")])


def test_who_cannot_come_frees_the_time(world):
    meeting = f"/meetings/{book(world).json['id']}"
    assert world["ben"]("PUT", f"{meeting}/attendance", {"partstat": "DECLINED"}).json["phase"] == "cancelled"
    assert world["ben"]("PUT", f"{meeting}/attendance", {"partstat": "MAYBE"}).status_code == 422


def test_the_rhythm_is_both_peoples_and_the_mirror_the_mentors_alone(services, world):
    pair, ana, ben = f"/pairs/{world['pair']}", world["ana"], world["ben"]
    ana("PUT", f"{pair}/pause", {"until": "2027-03-01T08:00:00Z"})
    told = ben("GET", f"{pair}/cadence").json
    with services.database.read() as session:
        mentee_id = session.get(Pair, world["pair"]).mentee_id
    assert told == {"gap_days": 28, "finder": mentee_id, "paused_until": "2027-03-01T08:00:00Z", "waits": True}
    assert ben("GET", f"{pair}/mirror").json == {"open_minutes": None, "agreed_minutes": None}, "enough is open"
    ben("PUT", "/me/availability", {"hours": "Mon 09:00-09:05"})
    found = ben("GET", f"{pair}/mirror").json
    assert (found["open_minutes"], found["agreed_minutes"]) == (20, 30)
    assert ana("GET", f"{pair}/mirror").status_code == 403
    assert world["dan"]("GET", f"{pair}/mirror").status_code == 404


def test_how_much_ones_own_entries_show_and_which_calendars_count(services, world):
    ana = world["ana"]
    assert ana("PATCH", "/me", {"invite": "sealed"}).json["invite"] == "sealed"
    assert ana("PATCH", "/me", {"name": "Ana Lima"}).json["invite"] == "sealed", "what is left out stays"
    assert ana("PATCH", "/me", {"invite": None}).json["invite"] is None
    assert codes(ana("PATCH", "/me", {"invite": "naked"})) == (422, [("invite", "unknown_choice")])
    with services.database.write() as session:
        cast.broken_calendar(session, NOW, session.get(Pair, world["pair"]).mentee_id)
    (held,) = ana("GET", "/me/connections").json["connections"]
    path, one = f"/me/connections/{held['id']}", held["calendars"][0]["id"]
    changed = ana("PATCH", path, {"on": False, "counts": []}).json
    assert (changed["state"], [each["counts"] for each in changed["calendars"]]) == ("off", [False])
    changed = ana("PATCH", path, {"on": True, "counts": [one]}).json
    assert (changed["state"], [each["counts"] for each in changed["calendars"]]) == ("stale", [True])
    assert world["ben"]("PATCH", path, {"on": False}).status_code == 404
