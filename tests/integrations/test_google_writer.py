"""Events of ours in a Google calendar, beside the contract: what else stands there, whose it is, and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.google_writer import event_id
from service.domain.errors import AdapterError
from service.ports import EventSeen, VideoLink
from tests.fakes import SetClock
from tests.integrations import servers
from tests.integrations.busy_contract import LATER, MORNING, WAIT
from tests.integrations.google_fake import google, refused
from tests.integrations.google_world import World
from tests.integrations.writer_contract import ALONE, INVITES


@pytest.fixture
def world():
    clock = SetClock()
    with google(clock) as fake:
        yield World(fake, clock, "write")


def events(world):
    return [event for event in world.primary.events.values() if event["status"] != "cancelled"]


def told(world):
    return [(each.kind, each.recipients) for each in world.fake.events.invitations]


def lost(world, method, call):
    """The work is done at Google, and its answer never arrives."""
    world.fake.lost.add(method)
    with pytest.raises(AdapterError) as caught:
        call()
    world.fake.lost.clear()
    assert not caught.value.permanent


def test_an_event_stands_once_privately_and_nobody_is_told(world):
    at = world.writer().put(ALONE, WAIT)
    [event] = events(world)
    assert (at.event_id, at.ical_uid) == (event["id"], event["iCalUID"])
    assert (event["summary"], event["location"], event["visibility"]) == ("Ana and Ben", "Room 5", "private")
    assert event["start"]["dateTime"] == MORNING.start.isoformat()
    assert not event.get("attendees")
    assert told(world) == []
    assert [call.query["sendUpdates"] for call in world.fake.calls("events.insert")] == ["none"]


def test_what_somebody_changed_is_kept_where_we_say_nothing_of_it(world):
    at = world.writer().put(INVITES, WAIT)
    [event] = events(world)
    answered = [{**event["attendees"][0], "responseStatus": "accepted"}]
    world.primary.touch({**event, "attendees": answered, "colorId": "5", "summary": "typed over"})
    now = world.writer().change(at, replace(INVITES, revision=2), WAIT)
    [event] = events(world)
    assert (event["attendees"], event["colorId"], event["summary"]) == (answered, "5", "Ana and Ben")
    assert now.etag == event["etag"] != at.etag
    assert [call.method for call in world.fake.journal][-3:] == ["events.patch", "events.get", "events.patch"]


def test_a_deleted_event_is_gone_for_a_change_and_removed_already(world):
    at = world.writer().put(ALONE, WAIT)
    world.primary.clear()
    world.writer().remove(at, ALONE, WAIT)
    for call in (lambda: world.writer().change(at, ALONE, WAIT), lambda: world.writer().put(ALONE, WAIT)):
        with pytest.raises(AdapterError) as caught:
            call()
        assert (caught.value.code, caught.value.permanent) == ("not_found", True)
    again = world.writer().put(replace(ALONE, copy=1), WAIT)
    assert [event["id"] for event in events(world)] == [again.event_id]
    assert again.event_id != at.event_id


def test_an_id_that_somebody_else_has_is_not_taken_over(world):
    world.primary.put(MORNING.start, MORNING.end, "other", id=event_id(ALONE))
    with pytest.raises(AdapterError) as caught:
        world.writer().put(ALONE, WAIT)
    assert (caught.value.code, caught.value.permanent) == ("event_not_ours", True)
    assert world.primary.events[event_id(ALONE)]["summary"] == "SECRET-TITLE"


def test_s26_changes_go_to_the_calendar_where_it_was_written_and_nowhere_else(world):
    at = world.writer().put(ALONE, WAIT)
    other = world.fake.calendar("ben@example.org", "other")
    world.primary.primary, other.primary = False, True
    world.writer().change(at, replace(ALONE, revision=2, summary="Later"), WAIT)
    assert ([event["summary"] for event in events(world)], other.events) == (["Later"], {})
    with pytest.raises(AdapterError) as caught:
        world.writer().change(replace(at, calendar="other"), ALONE, WAIT)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    ("answer", "code", "permanent"),
    [
        (refused(429, "rateLimitExceeded", Retry_After="7"), "throttled", False),
        (refused(403, "insufficientPermissions"), "consent_partial", True),
        (refused(403, "requiredAccessLevel"), "forbidden", True),
        (refused(400, "invalid"), "unexpected_status", True),
        (refused(500, "backendError"), "server_error", False),
    ],
)
def test_a_refusal_says_whether_it_helps_to_ask_again(world, answer, code, permanent):
    world.fake.faults["events.insert"] = [answer]
    with pytest.raises(AdapterError) as caught:
        world.writer().put(ALONE, WAIT)
    assert (caught.value.code, caught.value.permanent) == (code, permanent)
    assert len(world.fake.calls("events.insert")) == 1


def test_who_gave_busy_times_only_is_not_written_to(world):
    world.grant.scopes = frozenset(each for each in world.grant.scopes if "owned" not in each)
    with pytest.raises(AdapterError) as caught:
        world.writer().put(ALONE, WAIT)
    assert caught.value.code == "consent_partial"


def test_a_look_tells_when_it_is_what_its_guests_answered_and_whether_it_is_gone(world):
    at = world.writer().put(INVITES, WAIT)
    [event] = events(world)
    assert world.writer().look(at, WAIT) == EventSeen(MORNING, {"cleo@example.org": "NEEDS-ACTION"})
    moved = {"start": {"dateTime": LATER.start.isoformat()}, "end": {"dateTime": LATER.end.isoformat()}}
    answered = [{"email": "Cleo@Example.org", "responseStatus": "declined"}]
    world.primary.touch({**event, **moved, "attendees": answered})
    assert world.writer().look(at, WAIT) == EventSeen(LATER, {"cleo@example.org": "DECLINED"})
    world.primary.clear()
    assert world.writer().look(at, WAIT) is None
    world.fake.faults["events.get"] = [refused(404, "notFound"), refused(410, "deleted"), refused(500, "backendError")]
    assert [world.writer().look(at, WAIT) for _ in range(2)] == [None, None]
    with pytest.raises(AdapterError):
        world.writer().look(at, WAIT)


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"start": {}, "end": {}}', b'{"start": 1, "end": 2}'])
def test_a_look_at_nonsense_is_not_a_deletion(world, answer):
    at = world.writer().put(ALONE, WAIT)
    world.fake.faults["events.get"] = [servers.body(answer)]
    with pytest.raises(AdapterError) as caught:
        world.writer().look(at, WAIT)
    assert caught.value.code == "unexpected_answer"


def test_a_meet_link_is_asked_for_once_and_stays(world):
    asked = replace(INVITES, video=True)
    lost(world, "events.insert", lambda: world.writer().put(asked, WAIT))
    at = world.writer().put(asked, WAIT)
    [event] = events(world)
    assert at.video == VideoLink(event["hangoutLink"])
    assert at.video.url.startswith("https://meet.google.com/")
    moved = world.writer().change(at, replace(asked, revision=2, interval=LATER), WAIT)
    assert moved.video == at.video
    assert world.writer().look(moved, WAIT).video == at.video
    assert [kind for kind, _ in told(world)] == ["invite", "update"]
    assert world.writer().put(ALONE, WAIT).video == at.video, "nobody asks for another"


def test_a_meet_link_that_takes_its_time_is_read_again(world):
    world.fake.events.pending = True
    at = world.writer().put(replace(ALONE, video=True), WAIT)
    assert at.video == world.writer().look(at, WAIT).video == VideoLink()
    world.fake.events.settle_meet(world.primary)
    assert world.writer().look(at, WAIT).video.url.startswith("https://meet.google.com/")


def test_a_meet_link_that_fails_and_an_event_without_one(world):
    world.fake.events.failing = True
    assert world.writer().put(replace(ALONE, video=True), WAIT).video == VideoLink(failed=True)
    other = replace(ALONE, uid="8f3c2a34-6d25-4a5e-8a92-0f6f4cf6a111")
    assert world.writer().put(other, WAIT).video is None


def test_only_the_main_calendar_says_that_it_makes_meet_links(world):
    assert [ref.video for ref in world.adapter().discover(WAIT) if ref.video] == ["meet"]
    world.primary.video = ("addOn",)
    assert [ref.video for ref in world.adapter().discover(WAIT) if ref.video] == []
