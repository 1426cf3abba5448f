"""The page on which somebody takes away all that is theirs: it says what, does it once, and says kindly that it did."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, text

from service.operations import coordinators
from service.operations.people import PersonInput
from service.store.tables import Calendar, Connection, Grant, Pair, Person
from service.store.types import Keyring, OfRow
from service.wiring import Services
from tests import cast
from tests.web.walk import NOW, SECRET, book, forms_of, link, text_of
from workers import leaving


def test_the_page_says_what_goes_and_what_stays_and_does_it_once(services: Services, client, ana):
    meeting_token, _ = book(services, client, ana)
    with services.database.read() as session:
        ana_id = session.get(Pair, ana[1]).mentee_id
    token, other = link(services, "person", ana_id), link(services, "connect", ana_id)
    assert f"/p/{token}/erase" in client.get(f"/p/{token}").get_data(as_text=True)
    page = client.get(f"/p/{token}/erase")
    text = text_of(page)
    assert "What goes" in text
    assert "What stays" in text
    assert "Your pair with Ben" in text
    assert SECRET in text_of(client.get(f"/p/{token}")), "to look changes nothing"

    (form,) = [each for each in forms_of(page) if each.method == "post"]
    for _ in range(2):
        answer = form.send(client)
        assert answer.status_code == 303
        done = client.get(answer.headers["Location"])
        assert (done.status_code, "It is gone" in text_of(done)) == (200, True)
    for path in (f"/p/{token}", f"/connect/{other}", f"/m/{meeting_token}"):
        gone = client.get(path)
        assert (gone.status_code, "taken away by the person" in text_of(gone)) == (410, True)
        assert "email" not in gone.get_data(as_text=True), "nothing is offered that would not work"
    with services.database.read() as session:
        assert session.get(Person, ana_id).erased_at is not None
        assert session.get(Pair, ana[1]).ended_at is not None


def test_calendars_end_with_the_last_pair_once_they_have_let_go_of_its_meetings(services, client, ana):
    with services.database.write() as session:
        pair = session.get(Pair, ana[1])
        for person_id in (pair.mentee_id, pair.mentor_id):
            session.add(Connection(person_id=person_id, provider="ics", url="webcal://x", created_at=NOW))
        token_of = pair.mentee_id
    token = link(services, "person", token_of)
    assert leaving.end_access(services) == 0, "while they are a pair"
    client.post(f"/p/{token}/erase")
    services.clock.now = NOW + timedelta(minutes=1)
    assert leaving.end_access(services) == 2
    with services.database.read() as session:
        assert session.scalars(select(Connection)).all() == []


LOST = Keyring(("a key that nobody has any more" * 2,))


def google_of(session, person_id):
    made = Connection(person_id=person_id, provider="google", url=f"google://{person_id}", created_at=NOW)
    made.calendars = [Calendar(key="k", key_hash=f"k{person_id}", name="Work")]
    session.add(made)
    session.flush()
    about = {"account_hash": f"h{person_id}", "account": f"{person_id}@x", "scopes": "", "granted_at": NOW}
    session.add(Grant(connection_id=made.id, tokens=OfRow(made.id, "secret"), **about))
    session.flush()


def lose_key(session, column):
    table, name = column.split(".")
    session.execute(text(f"UPDATE {table} SET {name} = :sealed"), {"sealed": LOST.seal(b"x", column.encode())})


def apart(services, ana):
    """Both gave us something, and they are a pair no more."""
    with services.database.write() as session:
        pair = session.get(Pair, ana[1])
        pair.ended_at = NOW - timedelta(days=300)
        google_of(session, pair.mentee_id)
        session.add(Connection(person_id=pair.mentor_id, provider="ics", url="webcal://x", created_at=NOW))
        return pair.mentee_id


def people_with_calendars(services):
    with services.database.read() as session:
        return session.scalars(select(Connection.person_id)).all()


def test_calendars_whose_key_is_lost_are_given_back_too(services, client, ana):
    apart(services, ana)
    with services.database.write() as session:
        for column in ("connections.url", "calendars.key", "grants.tokens"):
            lose_key(session, column)
    assert leaving.end_access(services) == 2
    assert people_with_calendars(services) == []
    with services.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM calendars")) == 0
        assert session.scalar(text("SELECT count(*) FROM grants")) == 0


def test_who_cannot_be_given_back_yet_keeps_nobody_else(services, client, ana, caplog):
    ana_id = apart(services, ana)
    with services.database.write() as session:
        eve = cast.person(session, NOW, "eve")
        google_of(session, eve.id)
        sealed = {"sealed": LOST.seal(b"x", b"grants.account"), "hash": f"h{eve.id}"}
        session.execute(text("UPDATE grants SET account = :sealed WHERE account_hash = :hash"), sealed)
        eve_id = eve.id
    leaving.end_access(services)
    assert sorted(people_with_calendars(services)) == sorted([ana_id, eve_id]), "hers may be the same account"
    assert "access cannot be given back: unexpected KeyMissing" in caplog.text


def test_calendars_of_who_was_never_in_a_pair_end_once_they_are_erased(services, client):
    with services.database.write() as session:
        cleo = coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "Europe/Lisbon"))
        session.add(Connection(person_id=cleo.id, provider="ics", url="webcal://x", created_at=NOW))
        cleo_id = cleo.id
    token = link(services, "person", cleo_id)
    assert leaving.end_access(services) == 0, "while they are here"
    assert client.post(f"/p/{token}/erase").status_code == 303
    services.clock.now = NOW + timedelta(minutes=1)
    assert leaving.end_access(services) == 1
    with services.database.read() as session:
        assert session.scalars(select(Connection)).all() == []
