"""Times that one offers the other: held for both, taken once, free again by themselves."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from service.domain.availability import DEFAULT
from service.domain.errors import (
    GreenroomError,
    InvalidInput,
    MoveNotAllowed,
    NotFound,
    ProposalOver,
    RuleBroken,
    SlotTaken,
)
from service.operations import booking, lapsing, people, proposing
from service.operations.booking import BookingInput
from service.operations.meetings import attendance_of
from service.operations.offering import SlotQuery, offer
from service.operations.proposing import ProposalInput
from service.store import claims
from service.store.tables import Claim, Meeting, OutboxRow, Proposal
from tests import cast
from workers.clock import sweep

pytestmark = pytest.mark.databases

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
MONDAY = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)  # 15:00 in Lisbon, 10:00 in New York
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
THREE = (MONDAY, TUESDAY, WEDNESDAY)
LAPSED = NOW + proposing.KEPT


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW).id


@pytest.fixture
def eves(services, pair_id):
    """Eve's pair with the same mentor."""
    with services.database.write() as session:
        return cast.other_mentee(session, NOW, session.get(cast.Pair, pair_id).mentor_id).id


def people_of(session, pair_id):
    pair = session.get(cast.Pair, pair_id)
    return pair.mentee_id, pair.mentor_id


def propose(services, pair_id, starts=THREE, now=NOW, by="mentee", moving=None, checked=True):
    """The ids of its times."""
    with services.database.write() as session:
        by_id = getattr(session.get(cast.Pair, pair_id), f"{by}_id")
        meeting = session.get(Meeting, moving) if moving else None
        query = booking.moving_query(meeting, by_id) if meeting else SlotQuery(pair_id, "check-in", reader=by)
        made = proposing.propose(session, now, AGE, query, ProposalInput(tuple(starts), by_id, checked=checked))
        return [time.id for time in made.times]


def take(services, time_id, now=NOW, by="mentor"):
    with services.database.write() as session:
        [pair] = session.scalars(
            select(cast.Pair).join(Proposal).join(Proposal.times).where(proposing.ProposedTime.id == time_id)
        )
        return proposing.take(session, now, AGE, time_id, getattr(pair, f"{by}_id")).id


def book(services, pair_id, start=MONDAY, now=NOW):
    with services.database.write() as session:
        wanted = BookingInput(start=start, by_id=people_of(session, pair_id)[0])
        return booking.book(session, now, AGE, SlotQuery(pair_id, "check-in"), wanted).id


def offered(services, pair_id, now=NOW):
    with services.database.read() as session:
        return {slot.start for slot in offer(session, now, AGE, SlotQuery(pair_id, "check-in")).proposals.slots}


def standing(services):
    with services.database.read() as session:
        claimed = [(claim.person_id, claim.meeting_id is None) for claim in session.scalars(select(Claim))]
        rows = session.scalars(select(OutboxRow).where(OutboxRow.state == "pending").order_by(OutboxRow.id))
        return len(claimed), sum(held for _, held in claimed), [(row.kind, row.person_id) for row in rows]


def test_s03_what_is_held_nobody_else_gets(services, pair_id, eves):
    propose(services, pair_id)
    assert not offered(services, eves) & set(THREE)
    for start in THREE:
        with pytest.raises(SlotTaken):
            book(services, eves, start)
    with pytest.raises(SlotTaken):
        propose(services, eves, [MONDAY])
    assert standing(services)[:2] == (6, 6)


def test_s03_a_foreign_or_own_time_cannot_be_taken(services, pair_id, eves):
    first, *_ = propose(services, pair_id)
    with services.database.write() as session:
        eve, ana = people_of(session, eves)[0], people_of(session, pair_id)[0]
        for by_id in (eve, ana):
            with pytest.raises(NotFound):
                proposing.take(session, NOW, AGE, first, by_id)


def test_taking_one_books_it_frees_the_others_and_invites_both(services, pair_id, eves):
    _, second, _ = propose(services, pair_id)
    meeting_id = take(services, second)
    with services.database.read() as session:
        ana, ben = people_of(session, pair_id)
        meeting = session.get(Meeting, meeting_id)
        assert (meeting.starts_at, meeting.phase, meeting.sequence) == (TUESDAY, "booked", 0)
        assert attendance_of(session, meeting)[ana] == "ACCEPTED", "who proposed it has said yes"
    assert standing(services) == (2, 0, [("invitation", ana), ("invitation", ben)])
    assert offered(services, eves) & set(THREE) == {MONDAY, WEDNESDAY}


def test_the_same_click_again_is_the_same_meeting_and_another_time_says_what_stands(services, pair_id):
    first, second, _ = propose(services, pair_id)
    assert take(services, second) == take(services, second)
    with pytest.raises(ProposalOver) as refused:
        take(services, first)
    assert refused.value.params == {"outcome": "taken"}
    assert standing(services)[:2] == (2, 0)


@pytest.mark.parametrize("clock", ["on time", "late"])
def test_s02_a_hold_lapses_by_itself_even_when_the_clock_is_late(services, pair_id, eves, clock):
    propose(services, pair_id)
    if clock == "on time":
        with services.database.write() as session:
            assert claims.let_lapse(session, LAPSED - timedelta(seconds=1)) == 0
        assert standing(services)[:2] == (6, 6)
        services.clock.now = LAPSED
        sweep(services)
        assert standing(services)[:2] == (0, 0)
    assert set(THREE) <= offered(services, eves, LAPSED)
    assert book(services, eves, MONDAY, LAPSED)
    with pytest.raises(SlotTaken):
        book(services, pair_id, MONDAY, LAPSED)


def test_s02_accepting_after_it_lapsed_books_what_is_still_free_or_says_so(services, pair_id, eves):
    first, second, _ = propose(services, pair_id)
    book(services, eves, MONDAY, LAPSED)
    with pytest.raises(SlotTaken):
        take(services, first, LAPSED)
    assert take(services, second, LAPSED)


def test_s02_caps_count_a_proposal_once_wherever_it_may_come_true(services, pair_id, eves):
    with services.database.write() as session:
        mentor = session.get(cast.Pair, pair_id).mentor
        people.set_availability(mentor, replace(DEFAULT, cap_week=2))
    propose(services, pair_id)
    assert book(services, eves, MONDAY + timedelta(days=3)), "three alternatives are one meeting"
    refused = offered(services, eves) & {MONDAY + timedelta(days=4)}
    assert refused == set(), "and one that is held counts"


def test_a_hold_ends_at_the_notice_before_it_if_that_is_sooner(services, pair_id):
    soon = NOW + timedelta(hours=30)
    propose(services, pair_id, [soon, MONDAY])
    with services.database.read() as session:
        early, late = session.scalars(select(Proposal)).one().times
        assert (early.lapses_at, late.lapses_at) == (soon - timedelta(hours=24), LAPSED)


def test_a_newer_one_replaces_an_older_and_the_same_again_is_one(services, pair_id):
    first, *_ = propose(services, pair_id)
    assert first in propose(services, pair_id), "the form was sent twice"
    propose(services, pair_id, [TUESDAY], by="mentor")
    with services.database.read() as session:
        ana, _ = people_of(session, pair_id)
    assert standing(services) == (2, 2, [("proposed", ana)])
    with pytest.raises(ProposalOver):
        take(services, first)


def test_taken_back_or_refused_its_times_are_free_and_its_mail_is_not_sent(services, pair_id):
    for by, outcome in (("mentee", "withdrawn"), ("mentor", "declined")):
        first, *_ = propose(services, pair_id)
        with services.database.write() as session:
            by_id = getattr(session.get(cast.Pair, pair_id), f"{by}_id")
            proposal, _ = proposing.load_time(session, first, by_id)
            assert proposing.close(session, NOW, proposal.id, by_id).outcome == outcome
            assert proposing.close(session, NOW, proposal.id, by_id).outcome == outcome
        assert standing(services) == (0, 0, [])


def test_a_meeting_moves_to_what_was_taken_and_keeps_its_place_till_then(services, pair_id, eves):
    meeting_id = book(services, pair_id, MONDAY)
    _, second = propose(services, pair_id, [MONDAY + timedelta(minutes=15), TUESDAY], moving=meeting_id)
    assert standing(services)[:2] == (4, 2), "a time that touches its own is not held twice"
    with pytest.raises(SlotTaken):
        book(services, eves, MONDAY)
    assert take(services, second) == meeting_id
    with services.database.read() as session:
        moved = session.get(Meeting, meeting_id)
        assert (moved.starts_at, moved.sequence) == (TUESDAY, 1)
    assert standing(services)[:2] == (2, 0)


@pytest.mark.parametrize("how", ["moved", "cancelled", "ended"])
def test_a_meeting_that_changed_otherwise_ends_what_was_proposed_for_it(services, pair_id, how):
    meeting_id = book(services, pair_id, MONDAY)
    first, _ = propose(services, pair_id, [TUESDAY, WEDNESDAY], moving=meeting_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        ana, _ = people_of(session, pair_id)
        if how == "moved":
            booking.reschedule(session, NOW, AGE, meeting, TUESDAY, ana)
        elif how == "cancelled":
            booking.cancel(session, NOW, meeting, ana)
        else:
            people.end_pair(session, NOW, meeting.pair)
    assert standing(services)[1] == 0
    with pytest.raises(ProposalOver):
        take(services, first)


def test_s19_every_rule_holds_for_what_is_offered_and_for_what_is_taken(services, pair_id):
    for starts, fault in (
        ([NOW + timedelta(hours=1)], RuleBroken),
        ([MONDAY.replace(hour=10)], SlotTaken),
        ([MONDAY + timedelta(minutes=5)], RuleBroken),
        ([], InvalidInput),
        ([MONDAY, MONDAY + timedelta(minutes=15)], InvalidInput),
        ([*THREE, MONDAY + timedelta(days=3)], InvalidInput),
    ):
        with pytest.raises(fault):
            propose(services, pair_id, starts)
    assert standing(services) == (0, 0, [])
    first, *_ = propose(services, pair_id)
    with pytest.raises(RuleBroken):
        take(services, first, MONDAY - timedelta(hours=1))
    meeting_id = book(services, pair_id, MONDAY + timedelta(days=3))
    with pytest.raises(MoveNotAllowed):
        propose(services, pair_id, [WEDNESDAY], MONDAY + timedelta(days=3, hours=-1), moving=meeting_id)


def test_a_time_that_the_meeting_itself_reaches_is_told_from_one_that_somebody_else_took(services, pair_id, eves):
    meeting_id = book(services, pair_id, MONDAY)
    book(services, eves, TUESDAY)
    gap = DEFAULT.gap
    near = [MONDAY - timedelta(minutes=30) - gap, MONDAY - timedelta(minutes=15), MONDAY + timedelta(minutes=30) + gap]
    told = {}
    for start in (*near, near[0] + timedelta(minutes=1), near[2] - timedelta(minutes=1), TUESDAY, WEDNESDAY):
        propose(services, pair_id, [start], moving=meeting_id, checked=False)
        with services.database.read() as session:
            [time] = session.scalars(select(Proposal).order_by(Proposal.id.desc())).first().times
            told[start] = lapsing.kept(time, session.get(Meeting, meeting_id), NOW)
            assert lapsing.kept(time, session.get(Meeting, meeting_id), LAPSED) == told[start].replace("kept", "lapsed")
    assert list(told.values()) == ["kept", "reached", "kept", "reached", "reached", "not_held", "kept"]


def test_what_its_author_is_told_of_a_proposal_that_nobody_took_depends_on_what_can_still_be(services, pair_id):
    def told(now):
        """Each one's words, and whether it is news to Ana."""
        with services.database.read() as session:
            ana, ben = people_of(session, pair_id)
            assert lapsing.news(session, now, pair_id, ben) is None
            words = [[word for _, word in lapsing.lines(session, now, pair_id, reader)] for reader in (ana, ben)]
            return (*words, lapsing.news(session, now, pair_id, ana) is not None)

    far = MONDAY + timedelta(days=14)
    propose(services, pair_id, [MONDAY, TUESDAY, far])
    assert told(LAPSED - timedelta(seconds=1)) == (["mine"], ["theirs"], False)
    assert told(LAPSED) == (["lapsed"], ["theirs"], True), "it can be taken while it is free"
    assert told(TUESDAY) == (["lapsed"], ["theirs"], True)
    assert told(LAPSED + lapsing.NEWS_FOR) == (["lapsed"], ["theirs"], False)
    assert told(far) == (["passed"], [], True)
    assert told(far + lapsing.NEWS_FOR) == ([], [], False)
    thursday, friday = WEDNESDAY + timedelta(days=1), WEDNESDAY + timedelta(days=2)
    meeting_id = book(services, pair_id, thursday)
    assert told(LAPSED) == ([], [], False), "it was settled by that"
    propose(services, pair_id, [friday], moving=meeting_id)
    assert told(LAPSED) == (["lapsed"], ["theirs"], True)
    assert told(thursday - timedelta(minutes=1)) == (["stays"], [], False), "it is too late to move it"
    assert told(thursday) == ([], [], False)


def test_what_is_not_free_is_proposed_without_a_hold(services, pair_id, eves):
    book(services, eves, TUESDAY)
    meeting_id = book(services, pair_id, MONDAY)
    [first] = propose(services, pair_id, [TUESDAY], moving=meeting_id, checked=False)
    with services.database.read() as session:
        assert [time.held for time in session.scalars(select(Proposal)).one().times] == [False]
    with pytest.raises(SlotTaken):
        take(services, first)


def test_s02_many_at_once_make_one_meeting_whatever_time_they_take(services, pair_id, eves):
    """Ben takes different times on two devices, Ana offers anew, Eve books one of them: nobody twice, no deadlock."""
    first, second, _ = propose(services, pair_id)
    wishes = [
        lambda: take(services, first), lambda: take(services, second), lambda: take(services, second),
        lambda: propose(services, pair_id, [MONDAY + timedelta(days=3)]), lambda: book(services, eves, MONDAY),
    ] * 3  # fmt: skip
    gate, refused, wrong = threading.Barrier(len(wishes)), [], []

    def come(wish):
        gate.wait()
        try:
            wish()
        except GreenroomError as fault:
            refused.append(type(fault))
        except Exception as fault:
            wrong.append(fault)

    threads = [threading.Thread(target=come, args=(wish,)) for wish in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert set(refused) <= {SlotTaken, ProposalOver}
    with services.database.read() as session:
        meetings = session.scalars(select(Meeting)).all()
        assert len({meeting.pair_id for meeting in meetings}) == len(meetings), "one for each pair at most"
        claimed = session.scalars(select(Claim).order_by(Claim.person_id, Claim.starts_at)).all()
        for one, other in pairwise(claimed):
            assert one.person_id != other.person_id or one.guarded_until <= other.starts_at
        mails = session.scalars(select(OutboxRow).where(OutboxRow.kind == "invitation")).all()
        assert len(mails) == 2 * len(meetings)
