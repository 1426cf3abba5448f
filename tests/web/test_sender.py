"""The account that mail is sent from: connected on the operator's page, at Google or at Microsoft, from then on mail
leaves by it; and every way in which that comes to nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import select

from service import wiring
from service.doctor import outside
from service.operations import operator, people
from service.operations.people import PersonChange
from service.settings import SettingFault, load
from service.store import outbox
from service.store.tables import Connection, Grant, OutboxRow, Person, SendingGrant
from service.store.types import OfRow
from service.web import create_app
from service.wiring import utc_now
from tests import cast
from tests.integrations import entra_fake
from tests.integrations.google_fake import google
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.servers import body
from tests.web.walk import link, text_of
from workers.deliver import drain

MEET = "meet@example.org"


class AtGoogle:
    provider, transport, scopes, send = (
        "google",
        "gmail",
        {"https://www.googleapis.com/auth/gmail.send"},
        "messages.send",
    )

    def __init__(self, fake):
        self.fake, self.uris = fake, fake.oauth.redirect_uris

    def consent(self, url, account, **how):
        self.fake.oauth.account(account)
        return self.fake.consent(url, account, **how)

    def given(self):
        return {scope for scope in self.fake.oauth.grants[-1].scopes if "userinfo" not in scope and scope != "openid"}

    def taken(self):
        return self.fake.gmail.taken

    def take_back(self):
        self.fake.oauth.forget_access()
        self.fake.oauth.grants[-1].revoked = True

    def ended(self):
        return [grant.revoked for grant in self.fake.oauth.grants]


class AtMicrosoft:
    provider, transport, scopes, send = "microsoft", "graph", {"Mail.Send", "User.Read"}, "sendMail"

    def __init__(self, fake):
        self.fake, self.uris = fake, fake.entra.redirect_uris

    def consent(self, url, account):
        return self.fake.consent(url, account)

    def given(self):
        return self.fake.entra.grants[-1].scopes - entra_fake.OPENID

    def taken(self):
        return self.fake.mail.taken

    def take_back(self):
        self.fake.entra.end(MEET, entra_fake.Refused("invalid_grant", 50173))


@pytest.fixture(params=["google", "microsoft"])
def there(request, tmp_path):
    if request.param == "google":
        with google(utc_now) as fake:
            yield AtGoogle(fake)
    else:
        with microsoft(tmp_path) as fake:
            yield AtMicrosoft(fake)


@pytest.fixture
def services(settings, database, there):
    chosen = {"mail_transport": there.transport, "mail_from": f"Meet <{MEET}>"}
    made = wiring.build(replace(settings, **there.fake.settings, **chosen))
    there.uris.add(f"{made.settings.base_url}/oauth/{there.provider}/callback")
    yield made
    made.database.close()


@pytest.fixture
def client(services):
    return create_app(services).test_client()


@pytest.fixture
def token(services):
    return link(services, "operator", None)


def connect(client, there, token, account=MEET, **how):
    sent = client.post(f"/operator/{token}/sender")
    answer = there.consent(sent.headers["Location"], account, **how)
    return client.get(f"/oauth/{there.provider}/callback", query_string=answer, follow_redirects=True)


def add_mails(services, count=1):
    with services.database.write() as session:
        ana = cast.person(session, services.clock(), "ana")
        for number in range(count):
            outbox.add(session, services.clock(), "links", ana.id, dedup=f"k{number}")


def fates(services):
    with services.database.read() as session:
        return [(row.state, row.last_error) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]


def doctors(services):
    return [(row.state, row.advice) for row in outside.sender(services)]


def test_an_account_is_connected_once_and_mail_leaves_by_it(client, there, token, services, caplog):
    caplog.set_level(logging.DEBUG)
    page = client.get(f"/operator/{token}")
    assert "the account that mail is sent from is not connected" in text_of(page)
    assert f"Connect {MEET} at" in text_of(page)
    assert "form-action 'self' http" in page.headers["Content-Security-Policy"]
    assert doctors(services)[0][0] == "broken"
    add_mails(services)
    drain(services)
    assert fates(services) == [("pending", "sender_reconnect")], "it waits"
    done = connect(client, there, token)
    assert (done.status_code, there.given()) == (200, there.scopes), "the least that it takes"
    assert f"{MEET} at" in text_of(done)
    assert doctors(services) == [("well", f"{MEET} lets us send")]
    with services.database.write() as session:
        assert (session.scalars(select(Grant)).all(), session.scalars(select(Connection)).all()) == ([], [])
        kept = session.scalars(select(SendingGrant)).one().tokens.secret
        session.scalars(select(OutboxRow)).one().due_at = services.clock()
    drain(services)
    assert fates(services) == [("sent", None)]
    [(recipient, octets)] = there.taken()
    assert recipient == "ana@example.org"
    assert message_from_bytes(octets)["From"].endswith(f"<{MEET}>")
    said = caplog.text + text_of(client.get(f"/operator/{token}"))
    assert not [word for word in kept.split('"') if len(word) > 30 and word in said]


def test_another_account_than_mail_comes_from_is_not_kept(client, there, token, services):
    refused = connect(client, there, token, account="ben@example.com")
    assert refused.status_code == 422
    assert f"signed in there as ben@example.com, and all mail comes from {MEET}" in text_of(refused)
    assert getattr(there, "ended", lambda: [False])() == [False], "their calendar may be connected, too"
    connect(client, there, token)
    moved = replace(services, settings=replace(services.settings, mail_from="other@example.org"))
    assert doctors(moved)[0][0] == "broken"
    assert "another account is connected" in text_of(create_app(moved).test_client().get(f"/operator/{token}"))


def test_mail_from_another_address_waits_until_its_account_is_connected(client, there, token, services):
    connect(client, there, token)
    moved = wiring.build(replace(services.settings, mail_from="other@example.org"))
    add_mails(moved)
    drain(moved)
    assert (fates(moved), there.taken()) == ([("pending", "sender_reconnect")], [])
    moved.database.close()


def test_what_is_taken_back_there_stops_all_mail_and_loses_none(client, there, token, services):
    connect(client, there, token)
    there.take_back()
    add_mails(services, 3)
    drain(services)
    assert [state for state, _ in fates(services)] == ["pending"] * 3
    assert ("pending", "sender_reconnect") in fates(services)
    assert "The account that mail is sent from has to be connected" in text_of(client.get(f"/operator/{token}"))


def test_an_answer_that_was_lost_leaves_one_mail_to_a_person(client, there, token, services):
    connect(client, there, token)
    there.fake.lost.add(there.send)
    add_mails(services)
    drain(services)
    there.fake.lost.clear()
    drain(services)
    assert fates(services) == [("uncertain", "answer_lost")]
    assert len(there.taken()) == 1


def test_a_limit_stops_all_mail_for_as_long_as_the_provider_says(client, there, token, services):
    connect(client, there, token)
    there.fake.faults[there.send] = [body(b"{}", 429, Retry_After="3600")]
    add_mails(services, 3)
    drain(services)
    with services.database.read() as session:
        waits = [row.due_at - services.clock() for row in session.scalars(select(OutboxRow))]
    assert all(timedelta(minutes=59) < wait <= timedelta(minutes=60) for wait in waits)
    with services.database.write() as session:
        outbox.add(session, services.clock(), "links", cast.person(session, services.clock(), "ben").id, dedup="later")
    drain(services)
    assert fates(services)[3] == ("pending", "sender_throttled")
    assert doctors(services)[0][0] == "look"
    assert there.taken() == []
    with services.database.write() as session:
        session.scalars(select(SendingGrant)).one().wait_until = services.clock()
        for row in session.scalars(select(OutboxRow)):
            row.due_at = services.clock()
    drain(services)
    assert len(there.taken()) == 4


def test_an_outage_there_is_told_as_one(client, there, token, services):
    connect(client, there, token)
    there.fake.faults[there.send] = [body(b"{}", 503)]
    add_mails(services)
    drain(services)
    assert fates(services) == [("pending", "sender_unreachable")]
    with services.database.write() as session:
        session.scalars(select(OutboxRow)).one().due_at = services.clock() - timedelta(hours=2)
    page = text_of(client.get(f"/operator/{token}"))
    assert "provider did not answer" in page
    assert "mistake of ours" not in page


def test_a_mail_that_is_refused_does_not_stop_the_next(client, there, token, services):
    connect(client, there, token)
    there.fake.faults[there.send] = [body(b"{}", 400)]
    add_mails(services, 2)
    drain(services)
    assert fates(services) == [("dead", "mail_refused"), ("sent", None)]


def test_what_was_tried_before_goes_to_the_address_that_its_reader_has_now(client, there, token, services):
    connect(client, there, token)
    there.fake.faults[there.send] = [body(b"{}", 400), body(b"{}", 503)]
    add_mails(services, 2)
    drain(services)
    assert fates(services) == [("dead", "mail_refused"), ("pending", "sender_unreachable")]
    with services.database.write() as session:
        ana = session.scalars(select(Person)).one()
        people.edit_person(session, services.clock(), ana, PersonChange(email="ana@example.net"))
        for row in session.scalars(select(OutboxRow)):
            operator.retry(services.clock(), row)
    drain(services)
    assert fates(services) == [("sent", None)] * 2
    assert [message_from_bytes(octets)["To"] for _, octets in there.taken()] == ["Ana Lima <ana@example.net>"] * 2


def test_an_account_is_disconnected_and_told_so_where_that_can_be(client, there, token, services):
    connect(client, there, token)
    for _ in range(2):
        assert client.post(f"/operator/{token}/sender/off").status_code == 303
    with services.database.read() as session:
        assert session.scalars(select(SendingGrant)).all() == []
    assert getattr(there, "ended", lambda: [True])() == [True]


def test_an_account_whose_calendar_is_connected_too_keeps_that(client, there, token, services):
    connect(client, there, token)
    with services.database.write() as session:
        ana = cast.person(session, services.clock(), "ana")
        calendar = Connection(
            person_id=ana.id, provider=there.provider, url="x", state="connected", created_at=services.clock()
        )
        session.add(calendar)
        session.flush()
        tokens = OfRow(calendar.id, "theirs")
        session.add(
            Grant(
                connection_id=calendar.id, account_hash="x", account=MEET.title(), scopes="", tokens=tokens,
                granted_at=services.clock(),
            )
        )  # fmt: skip
    client.post(f"/operator/{token}/sender/off")
    with services.database.read() as session:
        assert session.scalars(select(SendingGrant)).all() == []
    assert getattr(there, "ended", lambda: [False])() == [False], "Google would end all that it gave"


def test_the_account_before_ends_when_another_is_connected(client, there, token, services):
    connect(client, there, token)
    moved = wiring.build(replace(services.settings, mail_from="other@example.org"))
    connect(create_app(moved).test_client(), there, token, account="other@example.org")
    with services.database.read() as session:
        assert session.scalars(select(SendingGrant.account)).one() == "other@example.org"
    assert getattr(there, "ended", lambda: [True, False])() == [True, False]
    moved.database.close()


def test_the_way_back_is_for_the_browser_that_began_and_once(client, there, token, services):
    sent = client.post(f"/operator/{token}/sender")
    answer = there.consent(sent.headers["Location"], MEET)
    back = f"/oauth/{there.provider}/callback"
    assert create_app(services).test_client().get(back, query_string=answer).status_code == 400
    assert client.get(back, query_string=answer).status_code == 303
    assert client.get(back, query_string=answer).status_code == 400


def test_nobody_else_connects_an_account(client, there, token, services):
    assert client.post("/operator/made-up/sender").status_code == 404
    with services.database.write() as session:
        ana = cast.person(session, services.clock(), "ana").id
    connecting = link(services, "connect", ana)
    data = {"provider": there.provider, "access": "send"}
    assert client.post(f"/connect/{connecting}/consent", data=data).status_code == 404
    assert client.post(f"/operator/{connecting}/sender").status_code == 404


def test_where_there_is_an_smtp_server_no_account_can_be_connected(client, there, token, services):
    by_smtp = replace(services, settings=replace(services.settings, mail_transport="smtp"))
    usual = create_app(by_smtp).test_client()
    assert "mail is sent from" not in text_of(usual.get(f"/operator/{token}"))
    assert usual.post(f"/operator/{token}/sender").status_code == 404


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"GREENROOM_MAIL_TRANSPORT": "gmail"}, "GREENROOM_GOOGLE_CLIENT_ID"),
        ({"GREENROOM_MAIL_TRANSPORT": "graph"}, "GREENROOM_MICROSOFT_CLIENT_ID"),
        ({"GREENROOM_MAIL_TRANSPORT": "gmail", "GREENROOM_SMTP_URL": "smtp://localhost"}, "GREENROOM_MAIL_TRANSPORT"),
        (
            {
                "GREENROOM_MAIL_TRANSPORT": "gmail",
                "GREENROOM_GOOGLE_CLIENT_ID": "x",
                "GREENROOM_GOOGLE_CLIENT_SECRET": "x",
            },
            "GREENROOM_MAIL_FROM",
        ),
    ],
)
def test_settings_that_do_not_go_together_stop_the_start(given, name):
    with pytest.raises(SettingFault) as stopped:
        load(given)
    assert stopped.value.name == name


@pytest.mark.parametrize("there", ["google"], indirect=True)
def test_a_box_that_was_unticked_and_a_no_are_told(client, there, token, services):
    unticked = connect(client, there, token, untick=tuple(there.scopes))
    assert "leave the box ticked" in text_of(unticked)
    assert "You said no there" in text_of(connect(client, there, token, deny=True))
    assert doctors(services)[0][0] == "broken"


@pytest.mark.parametrize("there", ["microsoft"], indirect=True)
def test_an_administrators_wall_is_told_with_the_way_through_it(client, there, token, services):
    there.fake.entra.wall = 90094
    told = text_of(connect(client, there, token))
    assert "lets only an administrator say yes" in told
    assert f"https://{there.fake.host}/organizations/v2.0/adminconsent" in told
    assert "Mail.Send" in told
    assert "feed address" not in told
