"""The fake is as strict as Microsoft's documents: what it lets through, the real one takes."""

from __future__ import annotations

import json
import ssl
from datetime import timedelta
from http.client import HTTPSConnection
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from integrations.microsoft_account import Kept
from integrations.microsoft_consent import MicrosoftAuthorizer
from integrations.microsoft_entra import PREFER
from service.domain.interval import Interval
from tests.integrations.busy_contract import LATER, MORNING, WINDOW
from tests.integrations.entra_fake import CLIENT_ID, SECRET, SECRET_ID
from tests.integrations.microsoft_fake import microsoft, real_clock
from tests.integrations.microsoft_world import BEN, REDIRECT, World

VIEW = "me/calendars/{key}/calendarView"
RANGE = {"startDateTime": WINDOW.start.isoformat(), "endDateTime": WINDOW.end.isoformat()}


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake)


def send(world, verb, path, form=None, headers=None):
    """A request without any client's help: status, headers and the answer's object."""
    trust = ssl.create_default_context(cafile=world.fake.bundle)
    connection = HTTPSConnection(world.fake.host, timeout=10, context=trust)
    connection.request(verb, path, urlencode(form) if form else None, headers or {})
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    is_json = "json" in answer.headers.get("Content-Type", "")
    return answer.status, answer.headers, json.loads(raw) if is_json else raw.decode()


def ask(world, path, token=None, prefer=PREFER, **query):
    """Graph: status, and the answer or the code of its error."""
    token = token or Kept(world.box.tokens).access_token(None)
    path = path.format(key=quote(world.calendar.id, safe=""))
    headers = {"Authorization": f"Bearer {token}", "Prefer": prefer}
    status, _, found = send(world, "GET", f"/v1.0/{path}?{urlencode(query)}", headers=headers)
    return status, found["error"]["code"] if status >= 400 else found


def trade(world, **change):
    """The token endpoint: status, error, Microsoft's number."""
    form = {"client_id": CLIENT_ID, "client_secret": SECRET, "grant_type": "refresh_token", "scope": "User.Read"}
    form |= {"refresh_token": world.grant.refresh_token} | change
    status, _, found = send(world, "POST", "/common/oauth2/v2.0/token", form)
    return status, found.get("error"), found.get("error_codes", [None])[0]


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("me/calendars", {"$filter": "x"}, 400, "ErrorInvalidUrlQuery"),
        ("me/calendars", {"$select": "id,title"}, 400, "RequestBroker--ParseUri"),
        ("me/calendars", {"$top": "0"}, 400, "ErrorInvalidUrlQuery"),
        ("me/calendars", {"$top": "1001"}, 400, "ErrorInvalidUrlQuery"),
        ("me", {"$expand": "manager"}, 400, "ErrorInvalidUrlQuery"),
        ("users/ana@example.org/calendars", {}, 400, "BadRequest"),
        (VIEW, {}, 400, "ErrorInvalidParameter"),
        (VIEW, {**RANGE, "endDateTime": "tomorrow"}, 400, "ErrorInvalidParameter"),
        (VIEW, {**RANGE, "$select": "start,end,title"}, 400, "RequestBroker--ParseUri"),
        (VIEW, {**RANGE, "$orderby": "start"}, 400, "ErrorInvalidUrlQuery"),
        ("me/calendars/elsewhere/calendarView", RANGE, 404, "ErrorItemNotFound"),
    ],
)
def test_what_the_documents_do_not_name_is_refused(world, path, query, status, code):
    world.calendar.put(MORNING.start, MORNING.end)
    assert ask(world, path, **query) == (status, code)


@pytest.mark.parametrize(
    "prefer", ["", 'IdType="ImmutableId"', 'outlook.timezone="Europe/Berlin", IdType="ImmutableId"']
)
def test_a_call_that_does_not_say_how_it_wants_times_and_ids_is_refused(world, prefer):
    assert ask(world, "me/calendars", prefer=prefer) == (400, "PreferMissing")


def test_a_token_that_is_not_good_or_not_for_this_is_refused(world):
    assert ask(world, "me/calendars", token="nobody's") == (401, "InvalidAuthenticationToken")
    form = {"client_id": CLIENT_ID, "client_secret": SECRET, "grant_type": "refresh_token", "scope": "User.Read"}
    form["refresh_token"] = world.grant.refresh_token
    narrow = send(world, "POST", "/common/oauth2/v2.0/token", form)[2]["access_token"]
    assert ask(world, "me", token=narrow)[0] == 200
    assert ask(world, "me/calendars", token=narrow) == (403, "ErrorAccessDenied")


def test_a_token_ends_by_the_fakes_own_clock(tmp_path):
    ahead = [timedelta(0)]
    with microsoft(tmp_path, lambda: real_clock() + ahead[0]) as fake:
        world = World(fake)
        ahead[0] = timedelta(seconds=3600)
        assert ask(world, "me/calendars") == (401, "InvalidAuthenticationToken")


def test_entries_come_by_ten_by_themselves_with_everything_that_nobody_should_keep(world):
    for number in range(12):
        start = WINDOW.start + timedelta(days=number)
        world.calendar.put(start, start + timedelta(hours=1), f"{number}")
    _, page = ask(world, VIEW, **RANGE)
    assert len(page["value"]) == 10
    assert "SECRET-TITLE" in json.dumps(page)
    following = urlsplit(page["@odata.nextLink"])
    assert following.netloc == world.fake.host
    _, rest = ask(world, VIEW, **dict(parse_qsl(following.query)))
    assert len(rest["value"]) == 2
    assert "@odata.nextLink" not in rest
    _, narrow = ask(world, VIEW, **RANGE, **{"$select": "start,end", "$top": "50"})
    assert {frozenset(item) for item in narrow["value"]} == {frozenset({"@odata.etag", "id", "start", "end"})}


def test_what_recurs_is_unrolled_and_what_is_elsewhere_is_not_there(world):
    world.calendar.put(MORNING.start, MORNING.end, "weekly", weeks=3)
    world.calendar.put(LATER.start, LATER.end, "once")
    world.calendar.put(WINDOW.end, WINDOW.end + timedelta(hours=1), "after")
    _, page = ask(world, VIEW, **RANGE)
    assert [(item["iCalUId"], item["type"]) for item in page["value"]] == [
        ("weekly", "occurrence"),
        ("once", "singleInstance"),
        ("weekly", "occurrence"),
        ("weekly", "occurrence"),
    ]
    assert page["value"][0]["start"] == {"dateTime": "2027-02-10T09:00:00.0000000", "timeZone": "UTC"}


def test_the_fifth_at_a_time_waits_as_long_as_it_is_told(world):
    world.mailbox.asking = 4
    status, headers, found = send(
        world,
        "GET",
        "/v1.0/me/calendars",
        headers={"Authorization": f"Bearer {Kept(world.box.tokens).access_token(None)}", "Prefer": PREFER},
    )
    assert (status, headers["Retry-After"], found["error"]["code"]) == (429, "3", "ApplicationThrottled")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, (200, None, None)),
        ({"client_secret": SECRET_ID}, (401, "invalid_client", 7000215)),
        ({"client_id": "another"}, (400, "unauthorized_client", 700016)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"refresh_token": "another"}, (400, "invalid_grant", 70000)),
        ({"scope": "Calendars.ReadWrite"}, (400, "invalid_grant", 65001)),
        ({"scope": "Calendars.Everything"}, (400, "invalid_scope", 70011)),
        ({"grant_type": "authorization_code", "code": "made-up"}, (400, "invalid_grant", 54005)),
    ],
)
def test_the_token_endpoint_names_what_is_wrong(world, change, refused):
    assert trade(world, **change) == refused


def test_a_refresh_token_is_good_once(world):
    first = world.grant.refresh_token
    assert trade(world, scope="User.Read offline_access")[0] == 200
    assert trade(world, refresh_token=first) == (400, "invalid_grant", 70000)
    assert trade(world)[0] == 200


@pytest.mark.parametrize("change", ["code_verifier", "redirect_uri", "late"])
def test_a_code_is_for_who_began_it_where_they_began_it_and_for_ten_minutes(tmp_path, change):
    ahead = [timedelta(0)]
    with microsoft(tmp_path, lambda: real_clock() + ahead[0]) as fake:
        world = World(fake)
        begun = MicrosoftAuthorizer(world.microsoft).begin("busy", REDIRECT, BEN)
        form = {
            "grant_type": "authorization_code",
            "code": fake.consent(begun.url, BEN)["code"],
            "code_verifier": json.loads(begun.kept)["code_verifier"],
            "redirect_uri": REDIRECT,
        }
        if change == "late":
            ahead[0] = timedelta(minutes=10)
        else:
            form[change] += "x"
        assert trade(world, **form)[0] == 400


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"scope": "openid Calendars.Everything"},
        {"state": ""},
        {"nonce": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"response_type": "token"},
        {"response_mode": "form_post"},
        {"audience": "x"},
    ],
)
def test_entras_page_sends_nobody_who_asks_wrongly(world, change):
    parts = urlsplit(MicrosoftAuthorizer(world.microsoft).begin("busy", REDIRECT, None).url)
    asked = dict(parse_qsl(parts.query))
    assert send(world, "GET", f"{parts.path}?{urlencode(asked)}")[0] == 200
    assert send(world, "GET", f"{parts.path}?{urlencode(asked | change)}")[0] == 400


def test_a_whole_day_is_its_mailboxes_and_does_not_say_so(world):
    day = Interval(WINDOW.start, WINDOW.start + timedelta(days=1))
    world.calendar.put(day.start, day.end, all_day=True)
    _, page = ask(world, VIEW, **RANGE, **{"$select": "start,isAllDay"})
    [found] = page["value"]
    assert (found["start"], found["isAllDay"]) == ({"dateTime": "2027-02-01T00:00:00.0000000", "timeZone": "UTC"}, True)
