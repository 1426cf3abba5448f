"""Replies in words to our own mails: who is obeyed, what comes of it, and what waits for its author."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from service.domain.answering import make_reply, request_in
from service.operations import booking, commitments, followup, inbound, personal_links, unsure
from service.operations.booking import BookingInput
from service.operations.commitments import Line
from service.operations.meetings import agenda_of, commitments_of
from service.operations.offering import SlotQuery
from service.setting_values import imap_url
from service.store.tables import CriticalDate, Inbound, Meeting, OutboxRow
from service.web import create_app
from tests import cast
from tests.web.walk import forms_of, link, text_of
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
SUGGESTION = "Could we also talk about the Q&A part?"


@pytest.fixture
def here(services):
    """These services with a mailbox that is read."""
    imap = imap_url("imaps://meet:pass@mail.example.org/INBOX")
    return replace(services, settings=replace(services.settings, imap=imap))


@pytest.fixture
def meeting_id(here):
    with here.database.write() as session:
        pair = cast.pair(session, NOW)
        wanted = BookingInput(start=START, by_id=pair.mentee_id)
        return booking.book(session, NOW, timedelta(hours=1), SlotQuery(pair.id, "check-in"), wanted).id


def sent(services, kind, person="ben"):
    """The mail of this kind that the person got."""
    with services.database.read() as session:
        address = cast.person(session, NOW, person).email
        [row] = session.scalars(
            select(OutboxRow)
            .join_from(OutboxRow, cast.Person, OutboxRow.person_id == cast.Person.id)
            .where(OutboxRow.kind == kind, cast.Person.email == address)
        )
    mails = [message_from_bytes(mail.octets, policy=policy.default) for mail in services.mailer.sent]
    return next(mail for mail in mails if mail["Message-ID"].startswith(f"<{row.message_id}@"))


def before_the_meeting(services):
    """The brief has gone to Ben, and Ana was asked what she wants."""
    live_until(services, START - timedelta(minutes=30))


def live_until(services, moment):
    while services.clock.now < moment:
        services.clock.now = min(services.clock.now + timedelta(hours=6), moment)
        with services.database.write() as session:
            followup.run_due(session, services.clock.now)
        drain(services)


def reply(asked, text, sender="ben@example.org", *, to=None, refers=True):
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"] = sender, to or asked["Reply-To"] or asked["From"]
    mail["Subject"], mail["Message-ID"] = "Re: Meeting", f"<{abs(hash((text, sender, to)))}@example.org>"
    if refers:
        mail["In-Reply-To"] = asked["Message-ID"]
    mail.set_content(f"{text}\n\nOn Mon, Feb 1, 2027 at 10:00 {asked['From']} wrote:\n> You meet\n")
    return mail.as_bytes()


def arrives(services, raw):
    with services.database.write() as session:
        inbound_id = inbound.receive(session, services.clock(), raw)
        inbound.decide(session, services.clock(), timedelta(hours=1), inbound_id)
        row = session.get(Inbound, inbound_id)
        return row.state, row.verdict


def points(services, meeting_id):
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        return [(item.text, item.by_id) for item in agenda_of(session, meeting) if item.text], meeting.pair.mentor_id


def test_a_reply_to_the_brief_is_on_the_agenda_as_its_authors_suggestion(here, meeting_id):
    before_the_meeting(here)
    brief = sent(here, "brief")
    local, _, token = brief["Reply-To"].partition("@")[0].partition("+")
    assert (local, len(token), token == token.lower()) == ("meet", 48, True)
    assert "on the agenda as your suggestion" in brief.get_body(("plain",)).get_content().replace("\n", " ")
    written = len(here.mailer.sent)
    assert arrives(here, reply(brief, SUGGESTION, refers=False)) == ("applied", "point")
    found, ben_id = points(here, meeting_id)
    assert found == [(SUGGESTION, ben_id)]
    drain(here)
    assert len(here.mailer.sent) == written, "nobody is written to about it"


def test_without_plus_addressing_it_is_known_by_what_it_refers_to(here, meeting_id):
    before_the_meeting(here)
    assert arrives(here, reply(sent(here, "brief"), SUGGESTION, to="meet@example.org")) == ("applied", "point")
    assert arrives(here, reply(sent(here, "brief"), SUGGESTION, to="meet@example.org", refers=False)) == (
        "ignored",
        "not_a_reply",
    )


def test_in_small_letters_or_capitals_the_token_is_the_same(here, meeting_id):
    before_the_meeting(here)
    brief = sent(here, "brief")
    raw = reply(brief, SUGGESTION, "BEN@Example.org", to=str(brief["Reply-To"]).upper(), refers=False)
    assert arrives(here, raw) == ("applied", "point")


@pytest.mark.parametrize("refers", [True, False])
def test_a_token_in_other_hands_does_nothing(here, meeting_id, refers):
    before_the_meeting(here)
    raw = reply(sent(here, "brief"), SUGGESTION, "mallory@example.com", refers=refers)
    assert arrives(here, raw) == ("ignored", "other_sender")
    assert points(here, meeting_id)[0] == []


def test_the_mentee_answers_what_she_wants_from_the_hour(here, meeting_id):
    before_the_meeting(here)
    asked = sent(here, "agenda-ask", "ana")
    assert arrives(here, reply(asked, "My opening.", "ana@example.org")) == ("applied", "point")
    assert [text for text, _ in points(here, meeting_id)[0]] == ["My opening."]


def test_what_is_unsure_waits_on_its_authors_page_and_nowhere_else(here, meeting_id):
    before_the_meeting(here)
    assert arrives(here, reply(sent(here, "brief"), "Thanks & <b>see</b> you")) == ("waiting", "unsure")
    client = create_app(here).test_client()
    with here.database.read() as session:
        pair = session.get(Meeting, meeting_id).pair
    bens, anas = (link(here, "person", person) for person in (pair.mentor_id, pair.mentee_id))
    page = client.get(f"/p/{bens}")
    assert "Thanks &amp; &lt;b&gt;see&lt;/b&gt; you" in page.get_data(as_text=True)
    assert "Thanks" not in text_of(client.get(f"/p/{anas}"))
    [form] = [form for form in forms_of(page) if form.action.endswith("/words")]
    theirs = replace(form, action=form.action.replace(bens, anas))
    assert theirs.send(client, ("wish", "agenda")).status_code == 404
    for _ in range(2):
        assert form.send(client, ("wish", "agenda")).status_code == 303
    assert points(here, meeting_id)[0] == [("Thanks & <b>see</b> you", pair.mentor_id)]
    assert "You wrote to us" not in text_of(client.get(f"/p/{bens}"))


def test_leave_it_is_an_answer_too(here, meeting_id):
    before_the_meeting(here)
    arrives(here, reply(sent(here, "brief"), "Thanks"))
    with here.database.write() as session:
        row = session.scalars(select(Inbound)).one()
        unsure.put_right(session, NOW, timedelta(hours=1), row.person_id, row.id, "leave")
        assert (row.state, row.verdict, row.raw) == ("ignored", "left", b"")
    assert points(here, meeting_id)[0] == []


def test_what_was_decided_is_not_kept(here, meeting_id):
    before_the_meeting(here)
    arrives(here, reply(sent(here, "brief"), SUGGESTION))
    arrives(here, reply(sent(here, "brief"), "Thanks"))
    with here.database.read() as session:
        rows = session.scalars(select(Inbound).order_by(Inbound.id)).all()
    assert [(row.state, bool(row.raw)) for row in rows] == [("applied", False), ("waiting", True)]


def test_new_links_end_the_address_of_old_mails(here, meeting_id):
    before_the_meeting(here)
    raw = reply(sent(here, "brief"), SUGGESTION, refers=False)
    with here.database.write() as session:
        personal_links.rotate_links(session, here.clock(), cast.person(session, NOW, "ben"))
    assert arrives(here, raw) == ("ignored", "not_a_reply")


def test_without_plus_addressing_no_mail_has_another_address(here, meeting_id):
    plain = replace(here, settings=replace(here.settings, imap_plus=False))
    before_the_meeting(plain)
    brief = sent(plain, "brief")
    assert (sent(plain, "invitation")["Reply-To"], brief["Reply-To"]) == (None, None)
    assert arrives(plain, reply(brief, SUGGESTION)) == ("applied", "point")


def test_stop_is_quiet_and_says_nothing(here, meeting_id):
    before_the_meeting(here)
    assert arrives(here, reply(sent(here, "brief"), "Unsubscribe!")) == ("applied", "stop")
    with here.database.read() as session:
        assert cast.person(session, NOW, "ben").mails == "none"
        assert cast.person(session, NOW, "ana").mails == "all"


def test_done_closes_the_one_commitment_with_the_rest_as_its_note(here, meeting_id):
    before_the_meeting(here)
    here.clock.now = START + timedelta(hours=1)
    with here.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        commitments.agree(
            session, START, meeting, meeting.pair.mentee_id, Line(None, "Read the paper", meeting.pair.mentee_id)
        )
        followup.run_due(session, here.clock.now)
    live_until(here, START + timedelta(days=3))
    asked = sent(here, "followup", "ana")
    done = "done, read it; the bit about openings helped"
    assert arrives(here, reply(asked, "What a talk!", "ana@example.org")) == ("waiting", "unsure")
    assert arrives(here, reply(asked, done, "ana@example.org")) == ("applied", "done")
    with here.database.read() as session:
        [line] = commitments_of(session, session.get(Meeting, meeting_id).pair_id)
        assert (line.state, line.note) == ("done", "read it; the bit about openings helped")


def test_of_several_commitments_none_is_guessed(here, meeting_id):
    before_the_meeting(here)
    with here.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        for text in ("One", "Two"):
            commitments.agree(session, START, meeting, meeting.pair.mentor_id, Line(None, text, meeting.pair.mentor_id))
    here.clock.now = START + timedelta(hours=2)
    with here.database.write() as session:
        followup.run_due(session, here.clock.now)
    assert arrives(here, reply(sent(here, "brief"), "done")) == ("waiting", "unsure")


def over(here, meeting_id, *promises):
    """The meeting has taken place, with these promises of Ana's, and she was asked about it: the mail."""
    before_the_meeting(here)
    with here.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        for text in promises:
            commitments.agree(session, START, meeting, meeting.pair.mentee_id, Line(None, text, meeting.pair.mentee_id))
    live_until(here, START + timedelta(days=1))
    return sent(here, "followup", "ana")


def promised(here, meeting_id):
    with here.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        names = {meeting.pair.mentee_id: "Ana", meeting.pair.mentor_id: "Ben", None: ""}
        found = commitments_of(session, meeting.pair_id)
        return [(names[line.owner_id], line.text, line.state, line.due_on, line.note) for line in found]


def test_something_agreed_moves_to_the_day_that_was_written(here, meeting_id):
    asked = over(here, meeting_id, "Read the paper")
    said = "Moving to Friday, the lab is closed"  # it is a Tuesday in Lisbon
    assert arrives(here, reply(asked, said, "ana@example.org")) == ("applied", "moving")
    assert promised(here, meeting_id) == [("Ana", "Read the paper", "moving", date(2027, 2, 12), "the lab is closed")]


def test_a_reply_to_the_follow_up_is_what_both_agreed(here, meeting_id):
    asked = over(here, meeting_id)
    said = "Read the paper\nBen: introduce me to Kim"
    assert arrives(here, reply(asked, said, "ana@example.org")) == ("applied", "promises")
    assert [line[:3] for line in promised(here, meeting_id)] == [
        ("", "Read the paper", "open"),
        ("Ben", "introduce me to Kim", "open"),
    ]


def test_a_reply_to_the_follow_up_says_that_it_did_not_happen(here, meeting_id):
    asked = over(here, meeting_id)
    assert arrives(here, reply(asked, "Es hat nicht stattgefunden.", "ana@example.org")) == ("applied", "not_happened")
    with here.database.read() as session:
        assert session.get(Meeting, meeting_id).happened is False
    drain(here)
    assert "did not meet" in sent(here, "not-happened").get_body(("plain",)).get_content()


def test_which_of_several_is_meant_is_one_click_on_its_authors_page(here, meeting_id):
    asked = over(here, meeting_id, "One", "Two")
    assert arrives(here, reply(asked, "done, at last", "ana@example.org")) == ("waiting", "unsure")
    client, ana_id = create_app(here).test_client(), person_id(here, "ana")
    page = client.get(f"/p/{link(here, 'person', ana_id)}")
    [form] = [form for form in forms_of(page) if form.action.endswith("/words")]
    wishes = re.findall(r'name="wish" value="(answer:[0-9]+)">([^<]*)', page.get_data(as_text=True))
    assert [text for _, text in wishes] == ["done: One", "done: Two"]
    assert form.send(client, ("wish", "answer:99")).status_code == 404
    assert form.send(client, ("wish", wishes[1][0])).status_code == 303
    assert [line[1:] for line in promised(here, meeting_id)] == [
        ("One", "open", None, None),
        ("Two", "done", None, "at last"),
    ]


@pytest.mark.parametrize(
    ("wish", "happened", "lines"), [("agreed", None, ["Thanks!", "read it"]), ("not_happened", False, [])]
)
def test_what_was_meant_after_a_meeting_is_said_on_the_page(here, meeting_id, wish, happened, lines):
    asked = over(here, meeting_id)
    assert arrives(here, reply(asked, "Thanks!\n- read it", "ana@example.org")) == ("waiting", "unsure")
    with here.database.write() as session:
        row = session.scalars(select(Inbound)).one()
        for _ in range(2):
            unsure.put_right(session, here.clock(), timedelta(hours=1), row.person_id, row.id, wish)
        assert session.get(Meeting, meeting_id).happened is happened
    assert [text for _, text, *_ in promised(here, meeting_id)] == lines


def test_what_waits_is_in_its_authors_next_due_mail_and_in_no_other(here, meeting_id):
    live_until(here, START - timedelta(days=3))
    asked = sent(here, "agenda-ask", "ana")
    assert arrives(here, reply(asked, "UNCLEAR: can we move it?", "ana@example.org")) == ("waiting", "unsure")
    before_the_meeting(here)
    told = [mail.recipient for mail in here.mailer.sent if b"UNCLEAR" in mail.octets]
    assert told == ["ana@example.org"]
    text = sent(here, "reminder", "ana").get_body(("plain",)).get_content()
    assert "not sure what it is meant for" in text
    assert f"/p/{link(here, 'person', person_id(here, 'ana'))}#words" in text


def person_id(here, key):
    with here.database.write() as session:
        return cast.person(session, NOW, key).id


OCCASION = """BEGIN:VCALENDAR\r
PRODID:-//Example//EN\r
VERSION:2.0\r
METHOD:REQUEST\r
BEGIN:VEVENT\r
UID:conference-77@events.example.com\r
DTSTAMP:20270101T000000Z\r
DTSTART;TZID=Europe/Lisbon:20270304T150000\r
DTEND;TZID=Europe/Lisbon:20270304T160000\r
SUMMARY:SECRET-TALK\r
ORGANIZER:mailto:chair@events.example.com\r
ATTENDEE;RSVP=TRUE:mailto:ana@example.org\r
END:VEVENT\r
END:VCALENDAR\r
"""


def forwarded(sender, ics=OCCASION, attached=False):
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, "meet@example.org", "Fwd: Your talk"
    mail["Message-ID"] = f"<{abs(hash((sender, ics)))}@example.org>"
    mail.set_content("FYI\n")
    if attached:
        mail.add_attachment(message_from_bytes(forwarded("chair@events.example.com", ics), policy=policy.SMTP))
    else:
        mail.add_attachment(ics.encode(), maintype="text", subtype="calendar", filename="invite.ics")
    return mail.as_bytes()


@pytest.mark.parametrize("attached", [False, True])
def test_a_forwarded_invitation_is_a_date_that_waits_for_its_owners_yes(here, meeting_id, attached):
    written = len(here.mailer.sent)
    assert arrives(here, forwarded("ben@example.org", attached=attached)) == ("ignored", "not_a_reply"), (
        "he is nobody's mentee"
    )
    past = OCCASION.replace("20270304", "20260304")
    assert arrives(here, forwarded("ana@example.org", past, attached)) == ("ignored", "not_a_reply")
    assert arrives(here, forwarded("ana@example.org", attached=attached)) == ("waiting", "occasion")
    client, ana = create_app(here).test_client(), link(here, "person", person_id(here, "ana"))
    page = client.get(f"/p/{ana}")
    [form] = [form for form in forms_of(page) if form.action.endswith("/words")]
    assert "SECRET-TALK" in text_of(page)
    with here.database.read() as session:
        assert session.scalars(select(CriticalDate)).all() == []
        pair_id = session.get(Meeting, meeting_id).pair_id
    assert form.send(client, ("wish", f"date:{pair_id + 1}")).status_code == 404
    for _ in range(2):
        assert form.send(client, ("wish", f"date:{pair_id}")).status_code == 303
    with here.database.read() as session:
        [critical] = session.scalars(select(CriticalDate))
    assert (critical.kind, critical.starts_at, critical.label) == ("presentation", cast.TALK, "SECRET-TALK")
    assert critical.shared_at is None
    drain(here)
    assert {mail.recipient for mail in here.mailer.sent[written:]} <= {"ana@example.org", "ben@example.org"}
    assert all(b"SECRET-TALK" not in mail.octets for mail in here.mailer.sent)
    assert b"events.example.com" not in b"".join(mail.octets for mail in here.mailer.sent)


def test_words_count_whatever_is_attached_to_them(here, meeting_id):
    before_the_meeting(here)
    asked = sent(here, "agenda-ask", "ana")

    def with_a_mail(text):
        outer = message_from_bytes(reply(asked, text, "ana@example.org"), policy=policy.SMTP)
        outer.add_attachment(message_from_bytes(forwarded("chair@events.example.com"), policy=policy.SMTP))
        return outer.as_bytes()

    assert arrives(here, with_a_mail(SUGGESTION)) == ("waiting", "occasion")
    assert [text for text, _ in points(here, meeting_id)[0]] == [SUGGESTION], "and the date waits for her yes"
    unclear = "Thanks.\n\nUNCLEAR " + "and more " * 50
    assert arrives(here, with_a_mail(unclear)) == ("waiting", "unsure")
    assert arrives(here, with_a_mail("")) == ("waiting", "occasion")
    with here.database.read() as session:
        person = cast.person(session, here.clock(), "ana")
        found = unsure.waiting_of(session, here.clock(), person.id)
    assert [(each.occasion is not None, "UNCLEAR" in each.text) for each in found] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_where_no_mailbox_is_read_an_answer_goes_to_the_other_as_before(services, meeting_id):
    before_the_meeting(services)
    brief = sent(services, "brief")
    assert brief["Reply-To"] == "ana@example.org"
    assert "your answer goes to Ana" in brief.get_body(("plain",)).get_content().replace("\n", " ")
    assert sent(services, "invitation")["Reply-To"] is None


VOUCHED = b"Authentication-Results: mx.example.org; dmarc=pass header.from=example.org\r\n"


def arrives_at(services, raw, authserv_id="mx.example.org"):
    with services.database.write() as session:
        inbound_id = inbound.receive(session, services.clock(), raw)
        return inbound.decide(session, services.clock(), timedelta(hours=1), inbound_id, authserv_id)


def test_what_our_mail_server_does_not_vouch_for_waits_for_whose_name_it_came_in(here, meeting_id):
    before_the_meeting(here)
    raw = reply(sent(here, "brief"), SUGGESTION)
    invitation = sent(here, "invitation").as_bytes(policy=policy.SMTP)
    declined = make_reply(request_in(invitation), "ben@example.org", "DECLINED", here.clock())
    assert arrives_at(here, VOUCHED.replace(b"pass", b"fail") + raw) == "waiting"
    assert arrives_at(here, declined) == "waiting"
    assert points(here, meeting_id)[0] == []
    assert arrives_at(here, VOUCHED + raw) == "applied"
    with here.database.read() as session:
        pair = session.get(Meeting, meeting_id).pair
        assert session.get(Meeting, meeting_id).phase == "booked"
    client = create_app(here).test_client()
    bens = link(here, "person", pair.mentor_id)
    page = client.get(f"/p/{bens}")
    assert text_of(page).count("could not tell that you sent it") == 2
    assert "Declined:" in text_of(page)
    newest, older = (form for form in forms_of(page) if form.action.endswith("/words"))
    assert older.send(client, ("wish", "leave")).status_code == 303
    assert newest.send(client, ("wish", "mine")).status_code == 303
    assert len(points(here, meeting_id)[0]) == 1
    with here.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "cancelled"
    assert "You wrote to us" not in text_of(client.get(f"/p/{bens}"))
