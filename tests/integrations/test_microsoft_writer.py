"""Events of ours in a Microsoft calendar, beside the contract: what else stands there, a slow search, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.errors import AdapterError
from service.ports import EventSeen, VideoLink
from tests.integrations import servers
from tests.integrations.busy_contract import LATER, MORNING, REQUEST, WAIT, busy_of
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import World
from tests.integrations.writer_contract import ALONE, INVITES


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake, "write")


def written(world):
    return world.calendar.written


def lost(world, name, call):
    """The work is done at Graph, and its answer never arrives."""
    world.fake.lost.add(name)
    with pytest.raises(AdapterError) as caught:
        call()
    world.fake.lost.clear()
    assert not caught.value.permanent


def test_an_event_stands_once_privately_in_the_default_calendar(world):
    at = world.writer().put(ALONE, WAIT)
    assert (at.calendar, written(world).told) == (world.calendar.id, [])
    [event] = written(world).items.values()
    assert (event["subject"], event["location"]["displayName"]) == ("Ana and Ben", "Room 5")
    assert (event["sensitivity"], event["attendees"]) == ("private", [])
    assert (event["iCalUId"], event["id"]) == (at.ical_uid, at.event_id)


def test_a_search_that_lags_behind_makes_no_second_event(world):
    """The transactionId is refused, and what stands is found when it is tried again."""
    lost(world, "POST event", lambda: world.writer().put(INVITES, WAIT))
    written(world).blind = True
    with pytest.raises(AdapterError) as caught:
        world.writer().put(INVITES, WAIT)
    assert not caught.value.permanent
    written(world).blind = False
    world.writer().put(INVITES, WAIT)
    assert len(written(world).items) == len(written(world).told) == 1


def test_what_somebody_changed_is_kept_where_we_say_nothing_of_it(world):
    at = world.writer().put(INVITES, WAIT)
    answered = [{"emailAddress": {"address": "cleo@example.org"}, "status": {"response": "accepted"}}]
    written(world).touch(at.event_id, attendees=answered, subject="typed over", showAs="tentative")
    world.writer().change(at, replace(INVITES, revision=2), WAIT)
    [event] = written(world).items.values()
    assert (event["attendees"], event["showAs"], event["subject"]) == (answered, "tentative", "Ana and Ben")
    written(world).touch(at.event_id, singleValueExtendedProperties=[])
    with pytest.raises(AdapterError) as caught:
        world.writer().change(at, replace(INVITES, revision=3), WAIT)
    assert caught.value.code == "event_not_ours"


def test_a_look_tells_when_it_is_and_what_its_guests_answered(world):
    at = world.writer().put(INVITES, WAIT)
    assert world.writer().look(at, WAIT) == EventSeen(MORNING, {"cleo@example.org": "NEEDS-ACTION"})
    answered = [{"emailAddress": {"address": "Cleo@Example.org"}, "status": {"response": "declined"}}]
    written(world).touch(at.event_id, attendees=answered)
    assert world.writer().look(at, WAIT) == EventSeen(MORNING, {"cleo@example.org": "DECLINED"})
    written(world).touch(at.event_id, isCancelled=True)
    assert world.writer().look(at, WAIT) is None
    world.fake.faults["GET event"] = [servers.body(b"{}")]
    with pytest.raises(AdapterError) as caught:
        world.writer().look(at, WAIT)
    assert caught.value.code == "unexpected_answer"


def test_our_own_event_never_counts_as_busy(world):
    at = world.writer().put(ALONE, WAIT)
    assert busy_of(world.read()) == [MORNING], "to whom it is not ours"
    reading = world.read(request=replace(REQUEST, our_uids=frozenset({at.ical_uid})))
    assert (busy_of(reading), [own.uid for own in reading.own]) == ([], [at.ical_uid])


def test_who_gave_busy_times_only_is_not_written_to(tmp_path):
    with microsoft(tmp_path) as fake, pytest.raises(AdapterError) as caught:
        World(fake, "busy").writer().put(ALONE, WAIT)
    assert (caught.value.code, caught.value.permanent) == ("forbidden", True)


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (429, False), (503, False)])
def test_a_refusal_says_whether_it_helps_to_ask_again(world, status, permanent):
    world.fake.faults["POST event"] = [servers.body(b'{"error": {"code": "SECRET"}}', status)]
    with pytest.raises(AdapterError) as caught:
        world.writer().put(ALONE, WAIT)
    assert caught.value.permanent is permanent
    assert "SECRET" not in f"{caught.value!r} {caught.value.params}"


def test_an_answer_of_a_guest_is_a_change_of_the_calendar(world):
    at = world.writer().put(INVITES, WAIT)
    request = replace(REQUEST, our_uids=frozenset({at.ical_uid}))
    mark = world.read(request=request).mark
    assert world.read(request=request, mark=mark) is None
    answered = [{"emailAddress": {"address": "cleo@example.org"}, "status": {"response": "declined"}}]
    written(world).touch(at.event_id, attendees=answered)
    assert world.read(request=request, mark=mark) is not None


def test_a_teams_link_is_asked_for_once_and_survives_every_change(world):
    asked = replace(INVITES, video=True, description="Points:\n- <b> & more")
    lost(world, "POST event", lambda: world.writer().put(asked, WAIT))
    at = world.writer().put(asked, WAIT)
    [event] = written(world).items.values()
    assert at.video == VideoLink(event["onlineMeeting"]["joinUrl"])
    moved = world.writer().change(at, replace(asked, revision=2, interval=LATER, description="Another \\1 <i>"), WAIT)
    assert moved.video == world.writer().look(moved, WAIT).video == at.video
    [event] = written(world).items.values()
    assert "Another \\1 &lt;i&gt;</div>" in event["body"]["content"]
    assert "more" not in event["body"]["content"]
    assert [kind for kind, _ in written(world).told] == ["invite", "update"]


def test_a_body_that_somebody_rewrote_keeps_its_way_in(world):
    at = world.writer().put(replace(ALONE, video=True), WAIT)
    mine = f"<p>mine</p><a href='{at.video.url}'>Join</a>"
    written(world).touch(at.event_id, body={"contentType": "html", "content": mine})
    fresh = replace(at, etag=written(world).items[at.event_id]["@odata.etag"])
    assert world.writer().change(fresh, replace(ALONE, video=True, revision=2), WAIT).video == at.video
    assert written(world).items[at.event_id]["body"]["content"] == mine


def test_what_its_owner_adds_to_an_event_stays_a_teams_meeting_above_all(world):
    at = world.writer().put(ALONE, WAIT)
    body = written(world).items[at.event_id]["body"]["content"]
    key = at.event_id.rstrip("/+=")
    added = f"<p>Bring coffee.</p>{body}<a href='https://teams.microsoft.com/l/meetup-join/19%3ameeting_{key}%40thread.v2/0'>"
    written(world).touch(at.event_id, body={"contentType": "html", "content": added}, isOnlineMeeting=True)
    fresh = replace(at, etag=written(world).items[at.event_id]["@odata.etag"])
    changed = world.writer().change(fresh, replace(ALONE, revision=2, description="10:00, Lisbon"), WAIT)
    content = written(world).items[at.event_id]["body"]["content"]
    assert ("Bring coffee." in content, "10:00, Lisbon" in content, "09:00" in content) == (True, True, False)
    assert changed.video is not None, "it is still a meeting"


@pytest.mark.parametrize(
    "rewritten",
    [
        "<DIV class='x_greenroom'><div>09:00,</div><div><div>Lisbon</div></div></DIV>",
        '<div id="a" class="greenroom wide">09:00<div><br></div></div>',
        '<div class="greenroom">09:00</div>',
    ],
)
def test_our_part_goes_as_a_whole_and_nothing_around_it_does(world, rewritten):
    at = world.writer().put(ALONE, WAIT)
    around = "<div><p>before</p>{}<div>after</div></div>"
    written(world).touch(at.event_id, body={"contentType": "html", "content": around.format(rewritten)})
    fresh = replace(at, etag=written(world).items[at.event_id]["@odata.etag"])
    world.writer().change(fresh, replace(ALONE, revision=2, description="10:00"), WAIT)
    content = written(world).items[at.event_id]["body"]["content"]
    assert content == around.format('<div class="greenroom">10:00</div>')


def test_an_address_in_the_text_can_be_pressed(world):
    at = world.writer().put(replace(ALONE, description='See https://meet.example.org/i/x?a=1&b="\nThen'), WAIT)
    told = written(world).items[at.event_id]["body"]["content"]
    assert '<a href="https://meet.example.org/i/x?a=1&amp;b=&quot;">' in told
    assert told.endswith("</a><br>Then</div>")


def test_a_body_without_our_part_is_ours_again(world):
    at = world.writer().put(ALONE, WAIT)
    written(world).touch(at.event_id, body={"contentType": "text", "content": "mine"})
    fresh = replace(at, etag=written(world).items[at.event_id]["@odata.etag"])
    world.writer().change(fresh, replace(ALONE, revision=2), WAIT)
    assert written(world).items[at.event_id]["body"]["content"] == '<div class="greenroom">09:00, Lisbon</div>'


def test_a_teams_link_that_takes_its_time_is_read_again(world):
    written(world).pending = True
    at = world.writer().put(replace(ALONE, video=True), WAIT)
    assert at.video == world.writer().look(at, WAIT).video == VideoLink()
    written(world).settle_meetings()
    assert world.writer().look(at, WAIT).video.url.startswith("https://teams.microsoft.com/")


def test_an_account_without_teams_makes_none_and_says_so(world):
    assert [ref.video for ref in world.adapter().discover(WAIT) if ref.video] == ["teams"]
    written(world).providers = ("skypeForConsumer",)
    assert [ref.video for ref in world.adapter().discover(WAIT) if ref.video] == []
    assert world.writer().put(replace(ALONE, video=True), WAIT).video is None
