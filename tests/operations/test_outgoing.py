"""A row becomes a mail only while it is true, tells nobody what is not theirs, and is right in its headers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.messages.letters import LETTERS
from service.operations import arcs, booking, commitments, followup, outgoing, people
from service.operations.commitments import Line
from service.store.tables import CriticalDate, Meeting, OutboxRow
from tests import cast, mails
from tests.mails import AGE, END, NOW, START, change, everything, html_of, ics_of, queue, send, text_of

DAY_BEFORE = START - timedelta(hours=24)
AUTOMATIC = {"agenda-ask", "reminder", "brief", "followup", "list", "calendar-broken"}


@pytest.fixture
def booked(services):
    return mails.book(services)


@pytest.fixture
def every_mail(services, booked):
    """One of every kind that is about a meeting, as (kind, reader, message)."""
    found = []

    def take(kind, now):
        found.extend((kind, name, message) for name, message in send(services, kind, now).items())

    take("invitation", NOW)
    for kind, role in (("reminder", "mentee"), ("brief", "mentor"), ("agenda-ask", "mentee")):
        change(services, booked, _unsaid if kind == "agenda-ask" else _said)
        queue(services, booked, kind, role)
        take(kind, DAY_BEFORE)
    change(services, booked, lambda s, m: arcs.drop_date(s, NOW, s.get(CriticalDate, m.date_id)))
    take("date-moved", NOW)
    change(services, booked, mails.proposes(START + timedelta(days=3), moving=True))
    take("proposed", NOW)
    change(services, booked, lambda s, m: commitments.agree(s, START, m, m.pair.mentor_id, Line(None, "AGREED-LINE")))
    with services.database.write() as session:
        followup.run_due(session, END + timedelta(hours=1))
    take("followup", END + timedelta(hours=1))
    change(services, booked, _reflect)
    with services.database.write() as session:
        followup.run_due(session, END + timedelta(hours=24))
    take("list", END + timedelta(hours=24))
    change(
        services, booked, lambda s, m: followup.submit_followup(s, END, m, m.pair.mentee_id, happened=False)
    )  # fmt: skip
    take("not-happened", END + timedelta(hours=25))
    return found


def _said(session, meeting):
    meeting.ask = "ASK-WORDS"


def _unsaid(session, meeting):
    meeting.ask, meeting.agenda_touched_at = None, None


def _reflect(session, meeting):
    lines = (Line(None, "OTHER-LINE", meeting.pair.mentee_id),)
    by = meeting.pair.mentee_id
    followup.submit_followup(session, END, meeting, by, happened=True, lines=lines, reflection="PRIVATE-THOUGHT")


def test_s07_every_mail_about_a_meeting_says_both_times_in_both_forms(every_mail):
    for kind, name, message in every_mail:
        mine, theirs = (
            ("15:00–15:45 (Lisbon time)", "10:00 for Ben in New York")
            if name == "Ana"
            else ("10:00–10:45 (New York time)", "15:00 for Ana in Lisbon")
        )
        for body in (text_of(message), html_of(message)):
            assert mine in body, kind
            assert theirs in body, kind


def test_s07_the_entry_says_the_time_as_the_mail_does(services, booked):
    for message in send(services, "invitation", NOW).values():
        line = next(line for line in text_of(message).splitlines() if "time)" in line)
        assert line.replace(",", "\\,") in ics_of(message)


def test_the_private_label_and_the_reflection_are_in_no_mail(every_mail):
    assert {kind for kind, _, _ in every_mail} == set(LETTERS) - {
        "links", "welcome", "calendar-broken", "cancellation", "declined", "book-nudge", "agreement-turn", "agreement",
        "help",  # tests/operations/test_help_requests.py holds it to the same
        "midpoint",  # tests/rows/test_pulse.py holds it to the same
        "action-nudge",  # tests/rows/test_promise_nudges.py holds its subject to the same
        "day-word",  # tests/rows/test_arcs.py holds it to the same
        "closure", "purge-14",  # without a word of theirs
    }  # fmt: skip
    for kind, _, message in every_mail:
        assert "SECRET-LABEL" not in everything(message), kind
        assert "PRIVATE-THOUGHT" not in everything(message), kind


def test_what_people_typed_is_in_no_header_and_in_no_preview(every_mail):
    typed = (
        "ASK-WORDS",
        "breathe",
        "HIDDEN-POINT",
        "scares",
        "AGREED-LINE",
        "OTHER-LINE",
        "Kim",
        "meet.example.org/ben",
    )
    for kind, _, message in every_mail:
        headers = str(message.items())
        for words in typed:
            assert words not in headers, kind


def test_an_entry_has_neither_the_ask_nor_a_hidden_point_nor_a_link_that_does_something(services, booked):
    for message in send(services, "invitation", NOW).values():
        ics = ics_of(message)
        for absent in ("HIDDEN-POINT", "breathe", "/m/", "/s/", "/p/", "practice", "Practice run"):
            assert absent not in ics
        assert "/i/" in ics
        assert "The Q&A\\, which scares me: <b> (10 min)" in ics
        assert "SUMMARY:Meeting: Ana & Ben" in ics


def test_the_mentees_words_go_to_the_mentor_alone(services, booked):
    found = send(services, "invitation", NOW)
    assert "Be sure of my opening" in text_of(found["Ben"])
    assert "Be sure of my opening" not in everything(found["Ana"])


def test_what_people_typed_is_text_in_html_too(services, booked):
    assert "scares me: &lt;b&gt;" in html_of(send(services, "invitation", NOW)["Ben"])


def test_only_what_nobody_caused_is_marked_automatic(services, every_mail):
    for kind, _, message in every_mail:
        assert (message["Auto-Submitted"] == "auto-generated") == (kind in AUTOMATIC), kind
        assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"


def test_an_answer_goes_to_the_other_person_where_the_mail_says_so_and_nowhere_else(every_mail):
    for kind, name, message in every_mail:
        other, address = ("Ben", "ben@example.org") if name == "Ana" else ("Ana", "ana@example.org")
        told = f"your answer goes to {other}" in text_of(message)
        assert (message["Reply-To"] == address) == told, kind
        assert message["Reply-To"] in {address, None}


def test_the_sender_is_one_address_named_after_whoever_acted(every_mail):
    for kind, _, message in every_mail:
        [sender] = message["From"].addresses
        assert sender.addr_spec == "meet@greenroom.localhost"
        named = "Ana Lima via Women in Physics" if kind == "invitation" else "Women in Physics"
        assert sender.display_name == named, kind


def test_later_mails_belong_to_the_first_invitations_thread(every_mail):
    first = {name: message["Message-ID"] for kind, name, message in every_mail if kind == "invitation"}
    for kind, name, message in every_mail:
        if kind != "invitation":
            assert message["References"] == message["In-Reply-To"] == first[name], kind


def test_mails_are_counted_for_each_reader(services, booked):
    send(services, "invitation", NOW)
    change(services, booked, _unsaid)
    said = []
    for kind, role, when in (("agenda-ask", "mentee", START - timedelta(hours=72)), ("reminder", "mentee", DAY_BEFORE)):
        queue(services, booked, kind, role)
        said += [text_of(message) for message in send(services, kind, when).values()]
    queue(services, booked, "brief", "mentor")
    said += [text_of(message) for message in send(services, "brief", DAY_BEFORE).values()]
    told = ("Mail 1 of at most 3", "Mail 2 of at most 3", "Mail 1 of at most 2")
    assert [count in text for count, text in zip(told, said, strict=True)] == [True] * 3


def test_a_move_keeps_the_entry_and_asks_anew(services, booked):
    first = send(services, "invitation", NOW)
    later = START + timedelta(days=3, hours=-1)
    change(services, booked, lambda s, m: booking.reschedule(s, NOW, AGE, m, later, m.pair.mentor_id, reason="A clash"))
    moved = send(services, "invitation", NOW)
    for name, message in moved.items():
        assert message["References"] == first[name]["Message-ID"] != message["Message-ID"]
        assert str(message["From"]).startswith("Ben Okafor via Women in Physics")
        assert "\nSEQUENCE:1" in ics_of(message)
        assert "PARTSTAT=NEEDS-ACTION" in ics_of(message)
        assert _uid(message) == _uid(first[name])


def _uid(message):
    return next(line for line in ics_of(message).splitlines() if line.startswith("UID:"))


@pytest.mark.parametrize("kind", ["cancellation", "declined"])
def test_what_is_off_leaves_the_calendar_and_a_way_to_another_time(services, booked, kind):
    send(services, "invitation", NOW)
    act = booking.cancel if kind == "cancellation" else booking.decline
    change(services, booked, lambda s, m: act(s, NOW, m, m.pair.mentor_id))
    found = send(services, kind, NOW)
    assert set(found) == {"Ana", "Ben"}
    for message in found.values():
        assert "METHOD:CANCEL" in ics_of(message)
        assert "\nSEQUENCE:1" in ics_of(message)
        assert "DESCRIPTION" not in ics_of(message)
        assert "/s/" in text_of(message)


def test_a_pair_that_has_ended_is_offered_no_other_time(services, booked):
    send(services, "invitation", NOW)
    change(services, booked, lambda s, m: people.end_pair(s, NOW, m.pair))
    for message in send(services, "cancellation", NOW).values():
        assert "/s/" not in text_of(message)


def test_the_first_mail_ever_says_who_we_are_and_later_ones_do_not(services, booked):
    first = send(services, "invitation", NOW)
    for name, role, most in (("Ana", "mentor", "three"), ("Ben", "mentee", "two")):
        opening = text_of(first[name]).partition("\n")[0]
        assert opening.startswith("This is Women in Physics")
        assert f"your {role} there" in opening
        assert f"is {most} mails about a meeting" in opening
        assert "No thank you" in text_of(first[name])
    queue(services, booked, "brief", "mentor")
    assert "This is Women in Physics" not in text_of(send(services, "brief", DAY_BEFORE)["Ben"])


def test_a_first_mail_that_did_not_leave_is_still_the_first(services, booked):
    for _ in range(2):
        with services.database.write() as session:
            row = session.get(OutboxRow, 1)
            told = mails.render(services, session, NOW, row)
        assert b"This is Women in Physics" in told


@pytest.mark.parametrize(
    ("wish", "kind", "role", "comes"),
    [
        ("all", "reminder", "mentee", True),
        ("fewer", "reminder", "mentee", False),
        ("none", "reminder", "mentee", False),
        ("fewer", "brief", "mentor", False),
        ("none", "invitation", "mentor", True),
        ("fewer", "invitation", "mentee", True),
    ],
)
def test_whoever_wants_less_gets_what_somebody_did(services, booked, wish, kind, role, comes):
    change(services, booked, lambda s, m: setattr(getattr(m.pair, role), "mails", wish))
    if kind != "invitation":
        send(services, "invitation", NOW)
        queue(services, booked, kind, role)
    assert (("Ana" if role == "mentee" else "Ben") in send(services, kind, DAY_BEFORE)) == comes


@pytest.mark.parametrize(
    ("kind", "role", "meanwhile", "now"),
    [
        ("invitation", "mentor", lambda m: setattr(m, "sequence", 5), NOW),
        ("agenda-ask", "mentee", lambda m: None, START - timedelta(hours=72)),  # she had said
        ("reminder", "mentee", lambda m: None, START - timedelta(days=5)),  # moved further away
        ("brief", "mentor", lambda m: None, START),  # it has begun
        ("brief", "mentor", lambda m: setattr(m, "phase", "cancelled"), DAY_BEFORE),
        ("followup", "mentee", lambda m: None, START),  # not over
        ("list", "mentor", lambda m: setattr(m, "phase", "ended"), END),  # nothing agreed
        ("not-happened", "mentor", lambda m: setattr(m, "happened", True), END),
        ("cancellation", "mentor", lambda m: None, NOW),
        ("declined", "mentor", lambda m: setattr(m, "phase", "cancelled"), NOW),  # nobody declined
        ("date-moved", "mentee", lambda m: setattr(m, "phase", "cancelled"), NOW),
    ],
)
def test_s15_what_is_no_longer_so_is_not_sent(services, booked, kind, role, meanwhile, now):
    queue(services, booked, kind, role)
    change(services, booked, lambda s, m: meanwhile(m))
    assert send(services, kind, now) == {}


def test_a_kind_that_nobody_can_write_is_an_error(services, booked):
    with services.database.write() as session:
        row = OutboxRow(kind="postcard", person_id=session.get(Meeting, booked).pair.mentee_id)
        with pytest.raises(outgoing.UnknownKind):
            outgoing.render(session, NOW, services.settings, [row])


def test_a_person_who_is_gone_gets_nothing(services):
    with services.database.read() as session:
        assert outgoing.render(session, NOW, services.settings, [OutboxRow(kind="links", person_id=7)]) == ([], [])


def test_names_and_places_of_any_script_survive(services):
    with services.database.write() as session:
        ana = cast.person(session, NOW, "ana")
        ana.name = 'ليلى "Lu", Ōta 🎤'
    meeting_id = mails.book(services)
    change(services, meeting_id, lambda s, m: setattr(m, "place", "غرفة 5; 2nd floor, left \u202eabc\u202c"))
    ben = send(services, "invitation", NOW)["Ben"]
    [sender] = ben["From"].addresses
    assert sender.display_name == 'ليلى "Lu", Ōta 🎤 via Women in Physics'
    assert "غرفة 5\\; 2nd floor\\, left \u202eabc\u202c" in ics_of(ben)
    assert "ليلى" in ics_of(ben)
