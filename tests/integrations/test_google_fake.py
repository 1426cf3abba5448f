"""The fake is as strict as Google's documents: what it lets through, the real one takes."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from integrations.google_api import GoogleCalls
from integrations.google_consent import NEEDED
from service.domain.errors import AdapterError
from tests.fakes import SetClock
from tests.integrations import servers
from tests.integrations.busy_contract import LATER, MORNING, WAIT
from tests.integrations.google_document import AUTH
from tests.integrations.google_fake import google
from tests.integrations.google_world import BEN, REDIRECT, World

EVENTS = f"calendars/{BEN}/events"
HOOK = {"id": "channel-1", "type": "web_hook", "address": "https://hooks.example.org/hooks/google", "token": "t"}


FIRST, NEXT, MAY = "2027-02-01T00:00:00Z", "2027-02-02T00:00:00Z", "2027-05-01T00:00:00Z"


def times(interval):
    return {side: {"dateTime": getattr(interval, side).isoformat()} for side in ("start", "end")}


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def world(clock):
    with google(clock) as fake:
        yield World(fake, clock, "write")


@pytest.fixture
def ask(world):
    """A request without any client's help: status and answer."""

    def send(verb, path, body=None, token=None, if_match=None, **query):
        token = token or world.fake.oauth.access_token(world.grant)
        connection = HTTPConnection(world.fake.host, timeout=10)
        headers = {"Authorization": f"Bearer {token}", **({"If-Match": if_match} if if_match else {})}
        content = None if body is None else json.dumps(body)
        connection.request(verb, f"/calendar/v3/{path}?{urlencode(query, doseq=True)}", content, headers)
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        found = json.loads(raw) if raw else None
        return answer.status, found["error"]["errors"][0]["reason"] if answer.status >= 400 else found

    return send


@pytest.mark.parametrize(
    ("verb", "path", "body", "query", "status"),
    [
        ("GET", "users/me/calendarList", None, {"colour": "red"}, 400),
        ("GET", "users/me/calendarList", None, {"maxResults": "0"}, 400),
        ("GET", "users/me/calendarList", None, {"fields": "items(title)"}, 400),
        ("GET", "users/me/calendarlist", None, {}, 404),
        ("POST", "freeBusy", {"timeMin": FIRST.rstrip("Z"), "timeMax": NEXT, "items": []}, {}, 400),
        ("POST", "freeBusy", {"timeMin": FIRST, "timeMax": MAY, "items": []}, {}, 400),
        ("POST", "freeBusy", {"timeMin": FIRST, "calendars": []}, {}, 400),
        ("GET", EVENTS, None, {"timeMin": "2027-02-01"}, 400),
        ("GET", EVENTS, None, {"orderBy": "startTime"}, 400),
        ("GET", EVENTS, None, {"syncToken": "x"}, 400),
        ("GET", "calendars/elsewhere/events", None, {}, 404),
        ("POST", EVENTS, {"summary": "x"}, {}, 400),
        ("POST", EVENTS, {**times(MORNING), "title": "x"}, {}, 400),
        ("POST", EVENTS, {**times(MORNING), "hangoutLink": "https://x.test"}, {}, 400),
        ("POST", EVENTS, {**times(MORNING), "id": "UPPER"}, {}, 400),
        ("POST", EVENTS, {**times(MORNING), "id": "abcde", "iCalUID": "x"}, {}, 400),
        ("POST", EVENTS, {"start": times(MORNING)["end"], "end": times(MORNING)["start"]}, {}, 400),
        ("POST", EVENTS, times(MORNING), {"sendUpdates": "some"}, 400),
        ("POST", f"{EVENTS}/watch", {**HOOK, "address": "http://hooks.example.org"}, {}, 400),
        ("POST", f"{EVENTS}/watch", {**HOOK, "id": "a b"}, {}, 400),
        ("POST", "channels/stop", {"id": "unknown", "resourceId": "x"}, {}, 404),
    ],
)  # fmt: skip
def test_what_the_documents_do_not_name_is_refused(ask, verb, path, body, query, status):
    assert ask(verb, path, body, **query)[0] == status


def test_a_token_that_is_not_good_or_not_for_this_is_refused(world, ask, clock):
    other = world.fake.oauth.grant("ana@example.org", f"{AUTH}calendar.freebusy")
    assert ask("GET", "users/me/calendarList", token="ya29.nobody") == (401, "authError")
    assert ask("GET", "users/me/calendarList", token=world.fake.oauth.access_token(other)) == (
        403,
        "insufficientPermissions",
    )
    token = world.fake.oauth.access_token(world.grant)
    clock.now += timedelta(seconds=3599)
    assert ask("GET", "users/me/calendarList", token=token)[0] == 401


def test_an_event_is_written_once_changed_by_who_has_seen_it_and_gone_when_it_is_gone(world, ask):
    made = {**times(MORNING), "id": "abcde12345", "attendees": [{"email": "ana@example.org"}]}
    status, event = ask("POST", EVENTS, made, sendUpdates="all")
    assert (status, event["iCalUID"], event["sequence"]) == (200, "abcde12345@google.com", 0)
    assert ask("POST", EVENTS, made) == (409, "duplicate")
    path = f"{EVENTS}/abcde12345"
    status, moved = ask("PATCH", path, times(LATER), if_match=event["etag"])
    assert (status, moved["sequence"]) == (200, 1)
    assert ask("PATCH", path, times(MORNING), if_match=event["etag"]) == (412, "conditionNotMet")
    assert ask("DELETE", path, sendUpdates="all")[0] == 204
    assert ask("DELETE", path) == (410, "deleted")
    assert ask("PATCH", path, times(MORNING)) == (404, "notFound")
    assert ask("POST", EVENTS, made) == (409, "duplicate")  # an id stays taken
    assert [each.kind for each in world.fake.events.invitations] == ["invite", "cancel"]  # the patch told nobody


def test_a_meet_link_comes_when_it_is_asked_for_by_version_and_may_take_its_time(world, ask):
    request = {"createRequest": {"requestId": "first", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    made = {**times(MORNING), "conferenceData": request}
    assert "conferenceData" not in ask("POST", EVENTS, made)[1]
    assert "hangoutLink" in ask("POST", EVENTS, made, conferenceDataVersion=1)[1]
    world.fake.events.pending = True
    waiting = ask("POST", EVENTS, made, conferenceDataVersion=1)[1]
    assert "hangoutLink" not in waiting
    world.fake.events.settle_meet(world.primary)
    assert "hangoutLink" in ask("GET", f"{EVENTS}/{waiting['id']}")[1]


def test_changes_are_followed_from_a_token_of_the_same_query_until_it_expires(world, ask):
    world.primary.put(MORNING.start, MORNING.end, "one")
    token = ask("GET", EVENTS, singleEvents="true")[1]["nextSyncToken"]
    assert ask("GET", EVENTS, singleEvents="true", syncToken=token)[1]["items"] == []
    world.primary.clear()
    [gone] = ask("GET", EVENTS, singleEvents="true", syncToken=token)[1]["items"]
    assert gone["status"] == "cancelled"
    assert ask("GET", EVENTS, syncToken=token)[0] == 400
    assert ask("GET", EVENTS, singleEvents="true", syncToken=token, timeMin=MORNING.start.isoformat())[0] == 400
    world.primary.expire_sync()
    assert ask("GET", EVENTS, singleEvents="true", syncToken=token) == (410, "fullSyncRequired")


def test_who_may_see_only_busy_times_sees_no_more(world, ask):
    event = world.primary.put(MORNING.start, MORNING.end, "one")
    assert ask("GET", f"{EVENTS}/{event['id']}")[1]["summary"] == "SECRET-TITLE"
    world.grant.scopes = NEEDED["busy"]
    assert "SECRET" not in json.dumps(ask("GET", EVENTS)[1])
    assert ask("POST", EVENTS, times(MORNING)) == (403, "insufficientPermissions")


def test_a_channel_lives_for_a_week_at_most_and_is_stopped_by_both_its_names(ask, clock):
    status, channel = ask("POST", f"{EVENTS}/watch", HOOK)
    lasts = int(channel["expiration"]) / 1000 - clock().timestamp()
    assert (status, lasts) == (200, timedelta(days=7).total_seconds())
    assert ask("POST", f"{EVENTS}/watch", HOOK) == (400, "channelIdNotUnique")
    assert ask("POST", "channels/stop", {"id": "channel-1", "resourceId": "another"})[0] == 404
    assert ask("POST", "channels/stop", {"id": "channel-1", "resourceId": channel["resourceId"]})[0] == 204


def test_a_channel_tells_of_changes_without_saying_which_until_it_ends(world, ask, clock):
    heard = []

    def hook(handler):
        heard.append(dict(handler.headers))
        servers.body(b"")(handler)

    world.fake.channels.plain = True
    with servers.answering({"/hooks/google": hook}) as host:
        ask("POST", f"{EVENTS}/watch", {**HOOK, "address": f"http://{host}/hooks/google"})
        assert world.fake.channels.notify(world.primary, "sync") == [200]
        assert world.fake.channels.notify(world.primary) == [200]
        clock.advance(days=7)
        assert world.fake.channels.notify(world.primary) == []
    assert [(each["X-Goog-Resource-State"], each["X-Goog-Message-Number"]) for each in heard] == [
        ("sync", "1"),
        ("exists", "2"),
    ]
    assert {each["X-Goog-Channel-Token"] for each in heard} == {"t"}


def test_googles_client_writes_what_the_fake_takes(world):
    """The documents' own example, by the real client: an answer that is lost after the work was done."""
    calls = GoogleCalls(world.account(), WAIT)
    body = {**times(MORNING), "id": "abcde12345", "extendedProperties": {"private": {"greenroom": "7"}}}
    world.fake.lost.add("events.insert")
    with pytest.raises(AdapterError):
        calls.execute(calls.api.events.insert(calendarId=BEN, body=body, sendUpdates="all"))
    world.fake.lost.clear()
    found = calls.execute(calls.api.events.list(calendarId=BEN, privateExtendedProperty="greenroom=7"))
    assert [event["id"] for event in found["items"]] == ["abcde12345"]


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"scope": f"openid {AUTH}calendar.everything"},
        {"state": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"response_type": "token"},
        {"audience": "x"},
    ],
)
def test_googles_page_sends_nobody_who_asks_wrongly(world, change):
    world.fake.oauth.redirect_uris.add(REDIRECT)
    parts = urlsplit(world.authorizer().begin("busy", REDIRECT, None).url)
    asked = dict(each.split("=") for each in parts.query.split("&"))
    statuses = []
    for query in (
        parts.query,
        f"{'&'.join(f'{k}={v}' for k, v in asked.items() if k not in change)}&{urlencode(change)}",
    ):
        connection = HTTPConnection(world.fake.host, timeout=10)
        connection.request("GET", f"{parts.path}?{query}")
        statuses.append(connection.getresponse().status)
        connection.close()
    assert statuses[0] == 200
    assert statuses[1] in {400, 401}


def test_a_body_that_is_no_form_and_a_page_token_of_another_query_are_refused(world, ask):
    for number in range(12):
        world.fake.calendar(BEN, f"own-{number}")
    token = ask("GET", "users/me/calendarList", minAccessRole="owner")[1]["nextPageToken"]
    assert ask("GET", "users/me/calendarList", pageToken=token)[0] == 400
    assert ask("GET", "users/me/calendarList", pageToken=base64.b64encode(b"x").decode())[0] == 400
    assert len(ask("GET", "users/me/calendarList", minAccessRole="owner", pageToken=token)[1]["items"]) == 3
