"""A meeting that does not come about: what was agreed is shown, either says so, and nobody is blamed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.store.tables import Meeting, OutboxRow, Person
from tests.web.walk import book, forms_of, link, text_of
from workers.deliver import drain


@pytest.fixture
def pages(services, client, ana):
    """Both people's pages of a meeting whose pair waits a quarter of an hour and wants a day's notice; and its id."""
    token, meeting_id = book(services, client, ana)
    drain(services)
    with services.database.write() as session:
        pair = session.get(Meeting, meeting_id).pair
        pair.terms = {"grace": "15", "notice": "24h"}
        bens = pair.mentor_id, pair.id
    return f"/m/{token}", f"/m/{link(services, 'meeting', bens[0], pair_id=bens[1], meeting_id=meeting_id)}", meeting_id


def at(services, meeting_id, **since_start):
    with services.database.read() as session:
        services.clock.now = session.get(Meeting, meeting_id).starts_at + timedelta(**since_start)


def asked(page):
    return [form for form in forms_of(page) if form.action.endswith("/happened")]


def told(services):
    with services.database.read() as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == "not-happened"))
        return [session.get(Person, row.person_id).first_name for row in rows]


def test_after_the_time_that_both_agreed_to_wait_one_word_is_enough(services, client, pages):
    anas, bens, meeting_id = pages
    at(services, meeting_id, minutes=5)
    page = client.get(bens)
    assert "wait 15 minutes for each other" in text_of(page)
    assert asked(page) == []
    assert client.post(f"{bens}/happened", data={"happened": "no"}).status_code == 409
    at(services, meeting_id, minutes=16)
    page = client.get(bens)
    assert "Nobody has to explain" in text_of(page)
    assert "Yes, we met" not in text_of(page)
    [form] = asked(page)
    for _ in range(2):
        assert form.send(client, ("happened", "no")).status_code == 303
    assert told(services) == ["Ana"]
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).happened is False
    for blame in ("missed", "no-show", "failed", "too late", "sorry"):
        assert blame not in text_of(client.get(anas)).lower()


def test_each_of_the_two_is_asked_afterwards_and_may_think_again(services, client, pages):
    anas, bens, meeting_id = pages
    at(services, meeting_id, hours=2)
    for page in (anas, bens):
        assert "Did you and" in text_of(client.get(page))
    [form] = asked(client.get(bens))
    assert form.send(client, ("happened", "no")).status_code == 303
    [form] = asked(client.get(anas))
    assert form.send(client, ("happened", "yes")).status_code == 303
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        assert (meeting.happened, meeting.agreed_at) == (True, None)
    assert asked(client.get(bens)) == []


def test_what_both_agreed_about_notice_stands_where_one_calls_off(services, client, pages):
    anas, _, meeting_id = pages
    at(services, meeting_id, hours=-12)
    page = client.get(anas).get_data(as_text=True)
    assert "24 hours" in page[page.index('id="decline"') : page.index('name="reason"')]
