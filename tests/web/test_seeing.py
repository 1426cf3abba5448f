"""Who will see this? Said before anything is sent, and then exactly what is sent."""

import email
import email.policy
import html
import re

import pytest
from icalendar import Calendar

from service.domain.answering import request_in
from service.domain.terms import LEVELS
from service.store.tables import Meeting, Pair
from tests.web.walk import SECRET, book, first_card, form_of
from workers.deliver import drain

POINTS = {"point.0.text": "OPEN-POINT", "point.1.text": "KEPT-POINT", "point.1.hidden": "1"}
TYPED = {"ask": "MY-ASK", **POINTS}


def sights_on(response):
    """Who sees what, as the page says it: each title with its lines."""
    page = response.get_data(as_text=True)
    panel = page[page.index('id="sees"') : page.index("</details>", page.index('id="sees"'))]
    told = re.findall(r'<dt>(.*?)</dt>\s*<dd class="preview">(.*?)</dd>', panel, re.DOTALL)
    return {
        title: [html.unescape(line) for line in re.findall(r"<p>(.*?)</p>", lines, re.DOTALL)] for title, lines in told
    }


@pytest.fixture
def decide(client, ana):
    return client.get(first_card(client.get(f"/s/{ana[0]}")))


def typed(client, ana, decide):
    form = {name: value for name, value in form_of(decide, "look").items() if not name.startswith("point.")}
    return client.post(f"/s/{ana[0]}/time", data=form | TYPED)


def test_each_onlooker_sees_what_was_typed_as_far_as_it_is_theirs(client, ana, decide):
    looked = typed(client, ana, decide)
    assert looked.status_code == 200
    assert '<details class="panel sees" id="sees" open>' in looked.get_data(as_text=True)
    other, mine, theirs, coordinator, phone = ("\n".join(lines) for lines in sights_on(looked).values())
    assert all(word in other for word in ("MY-ASK", "OPEN-POINT", "KEPT-POINT", "meet.example.org"))
    for calendar in (mine, theirs):
        assert "OPEN-POINT" in calendar
        assert "meet.example.org" in calendar
        assert "MY-ASK" not in calendar
        assert "KEPT-POINT" not in calendar
    for said in (coordinator, phone):
        assert not any(word in said for word in ("MY-ASK", "POINT", "meet.example.org", "Ana"))
    assert SECRET not in looked.get_data(as_text=True)
    assert "MY-ASK" in form_of(looked, "book")["ask"], "nothing that was typed is lost by looking"


@pytest.mark.parametrize("level", LEVELS)
def test_a_stricter_level_is_seen_before_it_is_needed(services, client, ana, decide, level):
    with services.database.write() as session:
        session.get(Pair, ana[1]).mentor.invite = level
    told = list(sights_on(typed(client, ana, decide)).values())
    mine, theirs = "\n".join(told[1]), "\n".join(told[2])
    assert "OPEN-POINT" in mine
    assert ("OPEN-POINT" in theirs) == (level == "agenda")
    assert ("meet.example.org" in theirs) == (level != "sealed")


def test_what_is_sent_is_what_was_seen(services, client, ana):
    token, meeting_id = book(services, client, ana)
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).pair.mentor.invite is None
    other, _, theirs, _, phone = sights_on(client.get(f"/m/{token}")).values()
    drain(services)
    mail = next(mail for mail in services.mailer.sent if mail.recipient == "ben@example.org")
    (event,) = Calendar.from_ical(request_in(mail.octets)).walk("VEVENT")
    described = [line for line in str(event["description"]).splitlines() if line and "/i/" not in line]
    assert [str(event["summary"]), str(event["location"]), *described] == theirs
    message = email.message_from_bytes(mail.octets, policy=email.policy.default)
    assert str(message["subject"]) == phone[0]
    assert other[0] in re.sub(r"\s+", " ", message.get_body(("plain",)).get_content())
