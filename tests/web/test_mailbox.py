"""The local mailbox: a mail program's buttons, for eyes on this machine alone."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import select

from integrations.maildir_mail import MaildirMailer
from service.store.tables import Meeting, Person
from service.web import create_app
from tests.web.walk import book, text_of
from workers.deliver import drain


def test_the_mailbox_answers_like_a_mail_program(services, client, ana):
    services_local = replace(services, mailer=MaildirMailer(services.settings.data_dir / "mailbox"))
    client = create_app(services_local).test_client()
    assert "No mail yet" in text_of(client.get("/mailbox"))
    _, meeting_id = book(services_local, client, ana)
    drain(services_local)
    box = client.get("/mailbox?person=ben@example.org")
    key = re.search(r'href="/mailbox/([^"?]+)"', box.get_data(as_text=True))[1]
    mail = client.get(f"/mailbox/{key}")
    assert "Accept" in text_of(mail)
    assert "Fri 26 Feb, 10:00–10:45 (New York)" in text_of(mail)
    with services_local.database.write() as session:
        session.scalars(select(Person).where(Person.email == "ben@example.org")).one().locale = "en_US"
    assert re.search(r"10:00\sAM–10:45\sAM \(New York\)", text_of(client.get(f"/mailbox/{key}"))), "in their own words"
    shown = client.get(f"/mailbox/{key}/html")
    assert "Booked" in text_of(shown)
    assert '<base target="_top">' in shown.get_data(as_text=True), "a link leaves the frame that the mail is shown in"
    assert "allow-scripts" not in shown.headers["Content-Security-Policy"]
    answered = client.post(f"/mailbox/{key}/answer", data={"answer": "DECLINED"})
    assert "Declined" in text_of(client.get(answered.headers["Location"]))
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "cancelled"
    assert client.get("/mailbox", headers={"Host": "evil.example.org"}).status_code == 404


def test_after_a_jump_the_box_says_what_time_it_is_and_for_whom_mail_came(services, client, ana):
    local = replace(services, mailer=MaildirMailer(services.settings.data_dir / "mailbox"))
    client = create_app(local).test_client()
    assert "No mail came." in text_of(client.get("/mailbox?person=ben@example.org&seen=0"))
    book(local, client, ana)
    drain(local)
    box = text_of(client.get("/mailbox?person=ben@example.org&seen=0"))
    assert "It is now Mon 1 Feb, 04:00 (New York). 1 new mail for ana@example.org ; 1 new mail for ben" in box
    assert "It is now" not in text_of(client.get("/mailbox?person=ben@example.org"))
