"""Asking the coordinator: for them alone, one mail that says nothing, and taken back whenever its author likes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.access import Role
from service.domain.errors import InvalidInput, NotAllowed, NotFound
from service.operations import coordinators, help_requests, people, personal_links
from service.operations.journal import journal_of
from service.operations.people import PersonInput
from service.store.tables import HelpRequest, Pair, Person
from service.web import create_app
from tests import cast
from tests.mails import NOW, html_of, same_as_snapshot, send, text_of
from tests.web.walk import link
from tests.web.walk import text_of as page_text

WORDS = "Ben has cancelled three times & I feel <small>"


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "Europe/Lisbon"))
        return cast.pair(session, NOW).id


def asks(services, pair_id, text=WORDS):
    with services.database.write() as session:
        return help_requests.ask(session, NOW, session.get(Pair, pair_id).mentee, text).id


def page(services, person_id, **query):
    return create_app(services).test_client().get(f"/p/{link(services, 'person', person_id)}", query_string=query)


def test_one_mail_says_that_somebody_asked_and_neither_who_nor_what(services, pair_id):
    assert asks(services, pair_id) == asks(services, pair_id), "the same words are the same request"
    found = send(services, "help", NOW)
    assert set(found) == {"Cleo"}
    same_as_snapshot("help-cleo", found["Cleo"])
    said = str(found["Cleo"]) + text_of(found["Cleo"]) + html_of(found["Cleo"])
    assert "/programme/" in said
    assert not [word for word in ("Ana", "Ben", "cancelled", "three times") if word in said]


def test_the_other_of_the_pair_sees_nothing_of_it(services, pair_id):
    asks(services, pair_id)
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        ana, ben, cleo = pair.mentee_id, pair.mentor_id, coordinators.coordinators(session)[0].id
        told = [journal_of(session, session.get(Person, person_id)).asked_for_help for person_id in (ana, ben)]
    assert told == [[WORDS], []]
    assert "cancelled three times" in page_text(page(services, ana))
    assert "cancelled three times" not in page_text(page(services, ana, curtain=1))
    for person_id in (ben, cleo):
        assert "cancelled three times" not in page_text(page(services, person_id))
    with services.database.read() as session:
        assert [(asked.text, who.name) for asked, who in help_requests.open_ones(session, Role.COORDINATOR)] == [
            (WORDS, "Ana Lima")
        ]
        for role, refusal in ((Role.OPERATOR, NotFound), (Role.OTHER, NotFound), (Role.STRANGER, NotFound)):
            with pytest.raises((refusal, NotAllowed)):
                help_requests.open_ones(session, role)


def test_what_is_taken_back_is_gone_and_its_mail_does_not_leave(services, pair_id):
    asked = asks(services, pair_id)
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        help_requests.take_back(session, pair.mentor_id, asked)
        assert session.get(HelpRequest, asked) is not None, "it is not the mentor's to take"
        help_requests.take_back(session, pair.mentee_id, asked)
    assert send(services, "help", NOW) == {}
    with services.database.read() as session:
        assert session.scalars(select(HelpRequest)).all() == []


def test_a_request_after_one_that_was_taken_back_is_told_of_as_well(services, pair_id):
    first = asks(services, pair_id)
    assert set(send(services, "help", NOW)) == {"Cleo"}
    with services.database.write() as session:
        help_requests.take_back(session, session.get(Pair, pair_id).mentee_id, first)
    later = NOW + timedelta(days=3)
    with services.database.write() as session:
        help_requests.ask(session, later, session.get(Pair, pair_id).mentee, WORDS)
    assert set(send(services, "help", later)) == {"Cleo"}


def test_what_was_seen_to_leaves_the_coordinators_page_and_its_author_sees_that(services, pair_id):
    asked = asks(services, pair_id)
    with services.database.write() as session:
        help_requests.answered(session, NOW, asked)
        help_requests.answered(session, NOW, asked)
        assert help_requests.open_ones(session, Role.COORDINATOR) == []
        mine = session.get(Pair, pair_id).mentee_id
        with pytest.raises(NotFound):
            help_requests.answered(session, NOW, asked + 1)
    assert "it has been seen to" in page_text(page(services, mine))


@pytest.mark.parametrize(("text", "code"), [(None, "help_unsaid"), (" \n", "help_unsaid"), ("x" * 2001, "too_long")])
def test_nothing_and_too_much_are_refused(services, pair_id, text, code):
    with pytest.raises(InvalidInput) as refused:
        asks(services, pair_id, text)
    assert [each.code for each in refused.value.faults] == [code]


def test_a_sixth_request_and_one_that_nobody_reads_are_refused_with_the_way_on(services, pair_id):
    for nth in range(help_requests.MOST_OPEN):
        asks(services, pair_id, f"{nth}")
    with pytest.raises(InvalidInput) as refused:
        asks(services, pair_id)
    assert refused.value.faults[0].code == "too_many_requests"
    with services.database.write() as session:
        for each in coordinators.coordinators(session):
            coordinators.dismiss(session, NOW, each)
        mine = session.get(Pair, pair_id).mentor_id
    assert "Nobody reads requests here yet" in page_text(page(services, mine))
    app = create_app(services).test_client()
    answer = app.post(f"/p/{link(services, 'person', mine)}/help", data={"help": "Hello", "form": "help"})
    assert answer.status_code == 422
    assert "nothing was kept" in page_text(answer)


def test_a_mentor_who_coordinates_reads_nothing_that_his_own_mentee_asks(services, pair_id):
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        pair.mentor.coordinates = True
        mine, ben = pair.mentee_id, pair.mentor_id
    asks(services, pair_id)
    assert "Only Cleo Park and you read this" in page_text(page(services, mine))
    with services.database.write() as session:
        people.end_pair(session, NOW, session.get(Pair, pair_id))
        assert help_requests.open_ones(session, Role.COORDINATOR, ben) == [], "nor once it has ended"
    assert set(send(services, "help", NOW)) == {"Cleo"}
    his = create_app(services).test_client().get(f"/programme/{link(services, 'programme', ben)}")
    assert "cancelled three times" not in page_text(his)
    with services.database.write() as session:
        coordinators.dismiss(session, NOW, coordinators.coordinators(session)[0])
    assert "Nobody reads requests here yet" in page_text(page(services, mine))


def test_a_coordinator_who_lost_the_link_gets_it_from_the_front_page(services, pair_id):
    for email in ("cleo@example.org", "ana@example.org"):
        with services.database.write() as session:
            assert personal_links.queue_links_mail(session, NOW, email)
    found = send(services, "links", NOW)
    assert {name: "/programme/" in text_of(mail) for name, mail in found.items()} == {"Cleo": True, "Ana": False}
