"""Rows of the clauses that act: who is asked to find a time and when, how early, how late, what a calendar shows."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from service.domain.agenda import AgendaDraft
from service.domain.agreement import EXTRAS
from service.operations import coordinators
from service.operations.people import PersonInput
from service.store.tables import ApiToken
from service.store.types import fingerprint
from tests.mails import ics_of
from tests.rows.life import at, plain
from tests.web.walk import NOW, link, text_of

MET = at("2027-02-08T15:00+00:00")  # a Monday; it ends half an hour later
NUDGE = "A time for the next meeting"


@pytest.fixture
def met(life):
    """They have met once; the mails about it are read."""
    life.book(MET)
    life.pass_to(MET + timedelta(days=7))
    life.mails()
    return life


def nudged(life):
    """Who was asked to find a time, since somebody last looked: (who, mail)."""
    return [(mail["To"].addresses[0].username, mail) for mail in life.mails() if mail["Subject"] == NUDGE]


def test_e2_past_the_cadence_the_owner_is_asked_once_and_a_week_later_once_more(met):
    met.pass_to(MET + timedelta(days=28))
    assert nudged(met) == [], "the gap is from the end of the meeting"
    met.pass_to(MET + timedelta(days=29))
    ((who, mail),) = nudged(met)
    assert who == "ana"
    urls = re.findall(r"http://\S+/time\?\S+", mail.get_body(("plain",)).get_content())
    assert len(urls) == 3
    decide = met.client.get(urls[0].partition(":8000")[2])
    assert (decide.status_code, "Book" in text_of(decide)) == (200, True), "one click, and it can be booked"
    met.pass_to(MET + timedelta(days=34))
    assert nudged(met) == []
    met.pass_to(MET + timedelta(days=37))
    assert [who for who, _ in nudged(met)] == ["ana"]
    met.pass_to(MET + timedelta(days=90), step=timedelta(days=1))
    assert nudged(met) == [], "two and no more"


def test_e2_whom_we_ask_is_a_clause_and_the_other_is_never_asked(met):
    met.sign_up(scheduler="mentor")
    met.pass_to(MET + timedelta(days=29))
    assert [who for who, _ in nudged(met)] == ["ben"]
    met.act("ben", "change", scheduler="mentee")
    for who in ("ana", "ben"):
        met.act(who, "sign")
    met.pass_to(MET + timedelta(days=37))
    assert [who for who, _ in nudged(met)] == ["ana"]


def test_e2_nobody_is_asked_when_a_meeting_is_booked_or_the_two_pause(met):
    booked = met.book(MET + timedelta(days=31))
    met.pass_to(MET + timedelta(days=30))
    assert nudged(met) == []
    met.client.post(f"{met.meeting('ana', booked)}/cancel")
    met.client.post(f"/p/{met.tokens['ana']}/pause", data={"pair": met.pair_id, "until": "2027-04-05"})
    met.pass_to(at("2027-04-04T12:00+00:00"), step=timedelta(days=1))
    assert nudged(met) == []
    met.pass_to(at("2027-04-05T20:00+00:00"))
    assert [who for who, _ in nudged(met)] == ["ana"]


def test_e44_a_shorter_cadence_moves_the_next_asking(met):
    met.sign_up()
    met.act("ana", "change", cadence="sprint")
    for who in ("ana", "ben"):
        met.act(who, "sign")
    met.mails()
    met.pass_to(MET + timedelta(days=14))
    assert nudged(met) == []
    met.pass_to(MET + timedelta(days=15))
    assert [who for who, _ in nudged(met)] == ["ana"]


def test_e44_how_early_the_question_comes_and_how_late_a_meeting_moves(life):
    ahead = at("2027-02-19T15:00+00:00")
    meeting = life.meeting("ana", life.book(ahead))
    life.sign_up(agenda_lead="120h", notice="48h")
    life.pass_to(ahead - timedelta(hours=118))
    asked = [mail for mail in life.mails("ana") if mail["Subject"] == "About Friday, 15:00"]
    assert len(asked) == 1, "five days before, as they agreed, and not three"
    life.services.clock.now = ahead - timedelta(hours=47)
    page = text_of(life.client.get(meeting))
    assert "begins in less than 48 hours" in page
    refused = life.client.post(f"{meeting}/move", data={"start": "2027-02-22T15:00:00Z", "action": "move"})
    assert refused.status_code == 409
    assert life.client.post(f"{meeting}/cancel").status_code == 303, "cancelling is always possible"


SECRETS = {"ask": "ANAS-ASK", "agenda": (AgendaDraft(text="ANAS-POINT", minutes=10),), "place": "Room ANAS-PLACE"}


@pytest.mark.parametrize(
    ("agreed", "own", "shows"),
    [
        ("agenda", None, {"ana": "agenda", "ben": "agenda"}),
        ("outline", None, {"ana": "outline", "ben": "outline"}),
        ("agenda", "sealed", {"ana": "agenda", "ben": "sealed"}),
        ("sealed", "agenda", {"ana": "sealed", "ben": "sealed"}),
    ],
)
def test_e44_what_calendars_show_is_a_clause_and_ones_own_copy_may_be_stricter(life, agreed, own, shows):
    life.sign_up(invite=agreed)
    if own:
        assert life.client.post(f"/p/{life.tokens['ben']}/invite", data={"invite": own}).status_code == 303
    life.mails()
    life.book(MET, **SECRETS)
    for who, level in shows.items():
        (mail,) = life.mails(who)
        entry, text = ics_of(mail), plain(mail)
        assert ("ANAS-POINT" in entry, "ANAS-POINT" in text) == (level == "agenda",) * 2
        assert "ANAS-ASK" not in entry
        assert ("ANAS-ASK" in text) is (level == "agenda" and who == "ben")
        assert ("SUMMARY:Hold" in entry, "SUMMARY:Meeting: Ana & Ben" in entry) == (
            level == "sealed",
            level != "sealed",
        )
        assert ("ANAS-PLACE" in entry) is (level != "sealed")
        assert ("What matters most to me today" in entry) is (level == "outline")
        assert "CLASS:PRIVATE" in entry


def test_e44_the_word_mentoring_is_there_only_if_both_want_it(life):
    life.sign_up(say_mentoring="yes")
    life.mails()
    life.book(MET)
    assert "SUMMARY:Mentoring: Ana & Ben" in ics_of(life.mails("ben")[0])


def test_e44_a_pledge_and_a_length_that_were_signed_are_offered(life):
    life.act("ana", "answer", length="45")
    life.act("ben", "answer", length="45", pledge="2")
    for who in ("ana", "ben"):
        life.act(who, "sign")
    life.book(MET)
    (meeting,) = life.meetings()
    assert meeting.ends_at - meeting.starts_at == timedelta(minutes=45)


@pytest.fixture
def cleo(life):
    """The coordinator's page, and the headers of a program of theirs."""
    with life.services.database.write() as session:
        person = coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "UTC"))
        session.add(ApiToken(token_hash=fingerprint("cleo"), person_id=None, created_at=NOW))
        token = coordinators.programme_link(session, NOW, person).token
    return f"/programme/{token}", {"headers": {"Authorization": "Bearer cleo"}}


@pytest.mark.parametrize("ticked", ["no", "yes"])
def test_e44_the_coordinator_reads_the_agreement_where_both_ticked_that_and_they_see_it(life, cleo, ticked):
    page, program = cleo
    words, call = f"{page}/agreement/{life.pair_id}", f"/api/v1/programme/pairs/{life.pair_id}/agreement"
    assert "No agreement is signed yet." in text_of(life.client.get(page))
    assert [life.client.get(words).status_code, life.client.get(call, **program).status_code] == [404, 404]
    life.sign_up(coordinator_reads=ticked, hope="ANAS-HOPE")
    listed = life.client.get(page)
    assert "They signed their agreement on Mon 1 Feb 2027 (version 1)." in text_of(listed)
    assert (words in listed.text) is (ticked == "yes")
    read = life.client.get(words), life.client.get(call, **program)
    assert [each.status_code for each in read] == [200 if ticked == "yes" else 404] * 2
    assert ["ANAS-HOPE" in each.text for each in read] == [ticked == "yes"] * 2
    line = "the coordinator read what you two agreed, as both of you allowed"
    assert [line in life.text(who) for who in ("ana", "ben")] == [ticked == "yes"] * 2
    if ticked == "yes":  # one of them changes it back: it holds once both have signed
        life.act("ana", "change", coordinator_reads="no")
        assert life.client.get(words).status_code == 200
        for who in ("ana", "ben"):
            life.act(who, "sign")
        assert [life.client.get(words).status_code, life.client.get(call, **program).status_code] == [404, 404]
    assert life.client.get(call, headers=life.api("ana")).status_code == 403


def test_e44_that_there_are_goals_is_all_that_the_coordinator_sees_of_them(life, cleo):
    page, program = cleo

    def told():
        (line,) = life.client.get("/api/v1/programme", **program).json["items"]
        return "There are goals." in text_of(life.client.get(page)), line["has_goals"]

    assert told() == (False, False)
    made = life.client.post(f"/p/{life.tokens['ana']}/goals/{life.pair_id}/add", data={"text": "ANAS-GOAL"})
    assert (made.status_code, told()) == (303, (True, True))
    assert "ANAS-GOAL" not in life.client.get(page).text


def test_e44_what_else_they_might_do_is_offered_as_they_agreed(life):
    start = f"/s/{link(life.services, 'schedule', life.ids['ana'], pair_id=life.pair_id)}"

    def offered():
        return re.findall(r"session=([a-z-]+)", life.client.get(start).text)

    assert offered() == ["kick-off", "check-in", *EXTRAS]
    life.sign_up(extras="introduction,cv")
    assert offered() == ["kick-off", "check-in", "introduction", "cv"]
    for session in ("cv", "mock-interview"):
        times = life.client.get(f"{start}?session={session}").text
        first = re.search(r'href="(/s/[^"]+start=[^"]+)"', times)[1].replace("&amp;", "&")
        assert len(re.findall(r'name="point\.\d+\.text"', life.client.get(first).text)) >= 4, "each has its agenda"


def test_e44_what_held_and_what_slips_is_told_from_what_happened(life):
    life.sign_up(cadence="sprint", notice="24h")
    first = life.book(MET, ask="My talk")
    life.pass_to(MET + timedelta(hours=2))
    standing = kept(life)
    assert standing["How often we meet: Every two weeks"] == "Kept"
    assert standing["Until when a meeting may be moved: Until a day before"] == "Kept"
    assert standing["Who decides what we talk about: Ana"] == "Kept"
    assert standing["Who writes down what we agreed: Ana"] == "Slipping"
    answer = {"happened": "yes", "line.0.text": "Shorter slides"}
    link_to = link(life.services, "followup", life.ids["ana"], pair_id=life.pair_id, meeting_id=first)
    assert life.client.post(f"/f/{link_to}", data=answer).status_code == 303
    assert kept(life)["Who writes down what we agreed: Ana"] == "Kept"
    off = life.book(MET + timedelta(days=42))
    life.services.clock.now = MET + timedelta(days=41, hours=12)
    life.client.post(f"{life.meeting('ben', off)}/cancel")
    standing = kept(life)
    assert standing["How often we meet: Every two weeks"] == "Slipping"
    assert standing["Until when a meeting may be moved: Until a day before"] == "Slipping"
    assert "overdue" not in life.agreement("ben").text.lower()


def kept(life):
    """The list on the page of the agreement, the same for both: line -> how it is going."""
    both = [re.search(r'<section id="kept">(.*?)</section>', life.agreement(who).text, re.S)[1] for who in life.ids]
    assert both[0] == both[1]
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(\w+)", both[0]))
