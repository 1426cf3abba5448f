"""What each kind of mail says to each of its readers, kept as files that somebody has read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select, update

from service.domain.agreement import defaults
from service.domain.terms import acting
from service.messages.letters import LETTERS
from service.operations import (
    agreements,
    arcs,
    booking,
    cadence,
    closing,
    commitments,
    day_words,
    followup,
    outgoing,
    people,
    personal_links,
    promise_nudges,
    proposing,
)
from service.operations.arcs import DateInput
from service.operations.booking import BookingInput
from service.operations.commitments import Line
from service.operations.offering import SlotQuery
from service.operations.proposing import KEPT, ProposalInput
from service.store import outbox, proposals
from service.store.tables import Commitment, CriticalDate, Meeting, OutboxRow, Pair
from tests import cast, mails
from tests.mails import AGE, END, NOW, START, change, html_of, queue, render, same_as_snapshot, send, text_of

DAY_BEFORE = START - timedelta(hours=24)
LATER = START + timedelta(days=3, hours=-1)


@pytest.fixture
def met(services):
    """A booked meeting whose invitations went out: no mail after them is anybody's first."""
    meeting_id = mails.book(services)
    send(services, "invitation", NOW)
    return meeting_id


def kept(kind, found):
    for name, message in found.items():
        same_as_snapshot(f"{kind}-{name.lower()}", message)
    return found


def test_invitation(services):
    mails.book(services)
    found = kept("invitation", send(services, "invitation", NOW))
    assert set(found) == {"Ana", "Ben"}
    assert "Booked" in text_of(found["Ben"])


def test_invitation_that_changed(services, met):
    change(services, met, lambda s, m: booking.reschedule(s, NOW, AGE, m, LATER, m.pair.mentor_id, reason="A clash"))
    assert set(kept("invitation-changed", send(services, "invitation", NOW))) == {"Ana", "Ben"}


def test_cancellation(services, met):
    change(services, met, lambda s, m: booking.cancel(s, NOW, m, m.pair.mentor_id, "Ill, sorry"))
    assert set(kept("cancellation", send(services, "cancellation", NOW))) == {"Ana", "Ben"}


def test_declined(services, met):
    change(services, met, lambda s, m: booking.decline(s, NOW, m, m.pair.mentor_id))
    assert set(kept("declined", send(services, "declined", NOW))) == {"Ana", "Ben"}


def test_declined_for_the_second_time(services, met):
    change(services, met, lambda s, m: booking.decline(s, NOW, m, m.pair.mentor_id))

    def again(session, meeting):
        query = SlotQuery(meeting.pair_id, "practice", meeting.date_id)
        second = booking.book(session, NOW, AGE, query, BookingInput(start=LATER, by_id=meeting.pair.mentee_id))
        session.flush()
        outbox.withdraw(session, meeting_id=meeting.id, kinds=("declined",))
        for row in session.scalars(select(OutboxRow).where(OutboxRow.meeting_id == second.id)):
            row.state = "sent"
        session.flush()
        booking.decline(session, NOW, second, meeting.pair.mentor_id)

    change(services, met, again)
    assert set(kept("declined-twice", send(services, "declined", NOW))) == {"Ana", "Ben"}


def test_agenda_ask(services):
    meeting_id = mails.book(services, ask=None, agenda=None)
    send(services, "invitation", NOW)
    queue(services, meeting_id, "agenda-ask", "mentee")
    assert set(kept("agenda-ask", send(services, "agenda-ask", START - timedelta(hours=72)))) == {"Ana"}


def test_reminder_and_brief(services, met):
    queue(services, met, "reminder", "mentee")
    queue(services, met, "brief", "mentor")
    assert set(kept("reminder", send(services, "reminder", DAY_BEFORE))) == {"Ana"}
    brief = kept("brief", send(services, "brief", DAY_BEFORE))["Ben"]
    assert text_of(brief).startswith("What Ana wants from it\n  | Be sure of my opening.")


def test_brief_when_nothing_was_said(services):
    meeting_id = mails.book(services, ask=None, agenda=mails.AGENDA[:1])
    send(services, "invitation", NOW)
    queue(services, meeting_id, "brief", "mentor")
    assert set(kept("brief-unsaid", send(services, "brief", DAY_BEFORE))) == {"Ben"}


def test_brief_when_the_mentee_put_it_on_the_agenda(services):
    meeting_id = mails.book(services, ask=None)
    queue(services, meeting_id, "brief", "mentor")
    assert set(kept("brief-on-agenda", send(services, "brief", DAY_BEFORE))) == {"Ben"}


def test_followup_and_list(services, met):
    change(
        services,
        met,
        lambda s, m: commitments.agree(s, START, m, m.pair.mentor_id, Line(None, "Read the piece on openings")),
    )
    asked = END + timedelta(hours=1)
    with services.database.write() as session:
        followup.run_due(session, asked)
    assert set(kept("followup", send(services, "followup", asked))) == {"Ana"}
    sent = Line(None, "Send the slides", 1, LATER.date())
    change(
        services,
        met,
        lambda s, m: followup.submit_followup(s, asked, m, m.pair.mentee_id, happened=True, lines=(sent,)),
    )
    with services.database.write() as session:
        followup.run_due(session, END + timedelta(hours=24))
    assert set(kept("list", send(services, "list", END + timedelta(hours=24)))) == {"Ben"}


def test_followup_and_list_name_the_next_meeting_where_one_is_booked(services, met):
    change(services, met, lambda s, m: commitments.agree(s, END, m, m.pair.mentee_id, Line(None, "Send the slides")))
    with services.database.write() as session:
        pair_id = session.get(Meeting, met).pair_id
        wanted = BookingInput(start=LATER + timedelta(days=7), by_id=1)
        booking.book(session, END, AGE, SlotQuery(pair_id, "check-in"), wanted)
        followup.run_due(session, END + timedelta(hours=1))
        followup.run_due(session, END + timedelta(hours=24))
    for kind, who in (("followup", "Ana"), ("list", "Ben")):
        assert set(kept(f"{kind}-booked", send(services, kind, END + timedelta(hours=24)))) == {who}


def test_followup_when_nothing_was_noted(services, met):
    with services.database.write() as session:
        followup.run_due(session, END + timedelta(hours=1))
    assert set(kept("followup-empty", send(services, "followup", END + timedelta(hours=1)))) == {"Ana"}


def test_not_happened(services, met):
    later = END + timedelta(hours=2)
    with services.database.write() as session:
        followup.run_due(session, END)
        meeting = session.get(Meeting, met)
        followup.submit_followup(session, later, meeting, meeting.pair.mentee_id, happened=False)
    assert set(kept("not-happened", send(services, "not-happened", later))) == {"Ben"}


def test_date_moved_and_dropped(services, met):
    with services.database.write() as session:
        critical = session.get(CriticalDate, session.get(Meeting, met).date_id)
        moved = DateInput(kind="presentation", at=datetime(2027, 3, 11, 15, 0), zone="Europe/Lisbon")
        arcs.move_date(session, NOW, critical, moved)
    assert set(kept("date-moved", send(services, "date-moved", NOW))) == {"Ana"}
    with services.database.write() as session:
        arcs.drop_date(session, NOW, session.get(CriticalDate, session.get(Meeting, met).date_id))
    assert set(kept("date-moved-dropped", send(services, "date-moved", NOW))) == {"Ana"}


def test_a_date_that_moved_names_every_meeting_of_its_arc(services, met):
    with services.database.write() as session:
        first = session.get(Meeting, met)
        wanted = BookingInput(start=datetime(2027, 3, 5, 15, 0, tzinfo=UTC), by_id=first.pair.mentee_id)
        booking.book(session, NOW, AGE, SlotQuery(first.pair_id, "debrief", first.date_id), wanted)
        moved = DateInput(kind="presentation", at=datetime(2027, 3, 11, 15, 0), zone="Europe/Lisbon")
        arcs.move_date(session, NOW, session.get(CriticalDate, first.date_id), moved)
    assert set(kept("date-moved-arc", send(services, "date-moved", NOW))) == {"Ana"}


def test_another_time_that_was_asked_for(services, met):
    change(services, met, mails.proposes(START + timedelta(days=3), moving=True))
    assert set(kept("proposed", send(services, "proposed", NOW))) == {"Ana"}


def test_a_time_that_is_not_kept_says_so(services, met):
    at_night = START.replace(hour=3) + timedelta(days=3)
    change(services, met, mails.proposes(at_night, moving=True, checked=False))
    assert "(not kept: it was not free for both of you" in text_of(send(services, "proposed", NOW)["Ana"])
    change(services, met, mails.proposes(START + timedelta(minutes=15), moving=True))
    reached = text_of(send(services, "proposed", NOW)["Ana"])
    assert "(your meeting as it stands, or the break beside it, reaches into it;" in " ".join(reached.split())
    change(services, met, mails.proposes(START + timedelta(days=3), moving=True))
    late = send(services, "proposed", NOW + timedelta(days=2))["Ana"]
    assert "(no longer kept)" in text_of(late)


def test_times_that_were_offered_for_a_new_meeting(services, met):
    times = [START + timedelta(days=days) for days in (3, 4, 5)]
    change(services, met, mails.proposes(*times, by="mentee"))
    assert set(kept("proposed-new", send(services, "proposed", NOW))) == {"Ben"}


def test_whoever_offered_times_that_nobody_took_hears_of_it_in_the_next_mail_that_falls_due(services, met):
    lapsed = DAY_BEFORE + timedelta(hours=1)
    times = tuple(START + timedelta(days=days) for days in (3, 4, 5))

    def offers(session, meeting):
        wanted = ProposalInput(times, meeting.pair.mentee_id)
        proposing.propose(session, lapsed - KEPT, AGE, SlotQuery(meeting.pair_id, "check-in"), wanted)

    def said(kind, now):
        with services.database.write() as session:
            row = session.scalars(select(OutboxRow).where(OutboxRow.kind == kind)).one()
            text = message_from_bytes(render(services, session, now, row), policy=policy.default)
        return "none has been taken" in " ".join(text_of(text).split())

    change(services, met, offers)
    queue(services, met, "reminder", "mentee")
    queue(services, met, "brief", "mentor")
    assert not said("reminder", lapsed - timedelta(minutes=1)), "they are kept still"
    assert said("reminder", lapsed)
    assert not said("brief", lapsed), "he offered nothing"
    change(services, met, lambda session, _: proposals.end(session, lapsed, proposals.open_ones(session), "declined"))
    assert not said("reminder", lapsed), "she has her answer"


def test_links_and_welcome_to_people_who_never_heard_of_us(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        personal_links.queue_links_mail(session, NOW, "Ana@Example.org ")
    assert set(kept("links", send(services, "links", NOW))) == {"Ana"}
    with services.database.write() as session:
        people.queue_welcome(session, NOW, session.get(cast.Pair, pair.id))
    assert set(kept("welcome", send(services, "welcome", NOW))) == {"Ana", "Ben"}


def test_calendar_broken(services, met):
    with services.database.write() as session:
        mentor_id = session.get(Meeting, met).pair.mentor_id
        connection = cast.broken_calendar(session, NOW, mentor_id)
        connection.failed_at, connection.fault = NOW, "unauthorized"
        outbox.add(session, NOW, "calendar-broken", mentor_id, dedup="c", connection_id=connection.id)
    assert set(kept("calendar-broken", send(services, "calendar-broken", NOW))) == {"Ben"}


def test_a_time_to_find(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        pair.mentee.welcomed_at = pair.mentor.welcomed_at = NOW
        outbox.add(session, NOW, "book-nudge", pair.mentee_id, dedup="n", pair_id=pair.id)
    assert set(kept("book-nudge", send(services, "book-nudge", NOW + timedelta(days=3)))) == {"Ana"}


def test_a_pair_that_has_ended(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        pair.mentor.keeps_notes = True
        people.queue_welcome(session, NOW, pair)
        session.execute(update(OutboxRow).values(state="sent"))
        people.end_pair(session, NOW, pair)
        closing.run_due(session, NOW)
    assert set(kept("closure", send(services, "closure", NOW))) == {"Ana", "Ben"}
    later = NOW + timedelta(days=46)
    with services.database.write() as session:
        closing.run_due(session, later)
    assert set(kept("purge-14", send(services, "purge-14", later + timedelta(hours=12)))) == {"Ana", "Ben"}


def test_the_agreement_for_each_step(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        agreements.answer(session, NOW, pair, pair.mentee_id, {"cadence": "sprint", "hope": "PRIVATE-HOPE"})
    assert set(kept("agreement-turn-answer", send(services, "agreement-turn", NOW))) == {"Ben"}
    agree(services, lambda s, p: agreements.answer(s, NOW, p, p.mentor_id, {}))
    assert set(kept("agreement-turn-compare", send(services, "agreement-turn", NOW))) == {"Ana"}
    agree(services, lambda s, p: agreements.change(s, NOW, p, p.mentee_id, {"cadence": "light"}))
    agree(services, lambda s, p: agreements.sign(s, NOW, p, p.mentee_id, seen(s, p)))
    assert set(kept("agreement-turn-sign", send(services, "agreement-turn", NOW))) == {"Ben"}
    agree(services, lambda s, p: agreements.sign(s, NOW, p, p.mentor_id, seen(s, p)))
    assert set(kept("agreement", send(services, "agreement", NOW))) == {"Ana", "Ben"}
    agree(services, lambda s, p: agreements.change(s, NOW, p, p.mentor_id, {"cadence": "steady"}))
    assert set(kept("agreement-turn-changed", send(services, "agreement-turn", NOW))) == {"Ana"}


def agree(services, step):
    with services.database.write() as session:
        step(session, session.scalars(cast.select(cast.Pair)).one())


def test_half_way(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        for person in (pair.mentee, pair.mentor):
            agreements.answer(session, NOW, pair, person.id, {})
        for person in (pair.mentee, pair.mentor):
            agreements.sign(session, NOW, pair, person.id, seen(session, pair))
        half_way = NOW + timedelta(days=182, hours=4)
        cadence.run_due(session, half_way)
    assert set(kept("midpoint", send(services, "midpoint", half_way))) == {"Ana", "Ben"}


def seen(session, pair):
    return agreements.desk(session, pair, pair.mentee_id).row.text_sha256


def test_every_kind_that_can_be_sent_is_kept_here():
    kept_names = [path.stem for path in mails.SNAPSHOTS.glob("*.txt")]
    assert [kind for kind in LETTERS if not any(name.startswith(f"{kind}-") for name in kept_names)] == []


def test_s17_the_table_of_mails_is_what_can_be_sent():
    table = (Path(__file__).parents[2] / "docs/mails.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines() if "| `" in line[:3]
    ]
    told = {row[0]: (row[4] == "sent", row[5] == "sent") for row in rows}
    assert len(rows) == len(told)
    assert told == {
        kind: tuple(outgoing.is_wanted(wish, kind) for wish in ("fewer", "none")) for kind in LETTERS
    }  # fmt: skip


def test_american_english_has_twelve_hours(services):
    with services.database.write() as session:
        cast.person(session, NOW, "ben").locale = "en_US"
    mails.book(services)
    ben = send(services, "invitation", NOW)["Ben"]
    assert ben["Subject"] == "Meeting on Fri Feb 26, 10:00 AM"
    assert "Fri Feb 26, 10:00 AM–10:45 AM (New York time) · 3:00 PM for Ana in Lisbon" in text_of(ben)


def test_the_preview_beside_the_subject_is_nobodys_words(services, met):
    """A locked phone shows the subject and the beginning of the HTML: neither holds what Ana wrote."""
    queue(services, met, "brief", "mentor")
    brief = send(services, "brief", DAY_BEFORE)["Ben"]
    hidden = html_of(brief).partition("<blockquote")[0]
    assert hidden.count("&zwnj;") >= 80
    assert "opening" not in hidden


def test_a_word_the_day_before(services):
    mails.book(services)
    with services.database.write() as session:
        pair, critical = session.scalars(select(Pair)).one(), session.scalars(select(CriticalDate)).first()
        critical.shared_at, pair.terms = NOW, acting({**defaults(), "day_word": "yes"})
        critical.word_at = eve = critical.starts_at - timedelta(days=1)
        assert day_words.run_due(session, eve) == 1
    assert set(kept("day-word", send(services, "day-word", eve))) == {"Ben"}


def test_what_is_due_tomorrow_on_a_day_that_was_chosen(services, met):
    with services.database.write() as session:
        meeting = session.get(Meeting, met)
        for owner_id, text in ((meeting.pair.mentee_id, "Send the slides"), (meeting.pair.mentee_id, "Ask Kim")):
            session.add(
                Commitment(
                    pair_id=meeting.pair_id, meeting_id=met, owner_id=owner_id, text=text, due_on=date(2027, 3, 4),
                    pinned=True, nudge_on=date(2027, 3, 3), created_at=NOW,
                )
            )  # fmt: skip
        eve = datetime(2027, 3, 3, 9, tzinfo=UTC)
        assert promise_nudges.run_due(session, eve) == 2
    assert set(kept("action-nudge", send(services, "action-nudge", eve))) == {"Ana"}
