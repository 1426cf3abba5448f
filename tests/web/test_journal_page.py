"""The page where a person takes their journal away, and brings one from elsewhere."""

import io
import json
import zipfile

import pytest
from sqlalchemy import select

from service.domain.goals import GoalDraft
from service.operations import goals
from service.store.tables import BroughtJournal, Goal, OutboxRow, Pair
from tests.stored import dump
from tests.web.walk import NOW, SECRET, link, text_of


@pytest.fixture
def pages(services, ana):
    """Ana's and Ben's; she has a goal that she shares, and one that she does not."""
    with services.database.write() as session:
        pair = session.get_one(Pair, ana[1])
        goals.add(session, NOW, pair, pair.mentee_id, GoalDraft("Speak up", shared=True))
        goals.add(session, NOW, pair, pair.mentee_id, GoalDraft("Ask for more money"))
        mine, theirs = pair.mentee_id, pair.mentor_id
    return [f"/p/{link(services, 'person', each)}/journal" for each in (mine, theirs)]


def taken(client, page):
    answer = client.get(f"{page}.zip")
    assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (
        200,
        "application/zip",
        "no-store",
    )
    return answer.get_data()


def data_of(octets):
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        return json.loads(file.read("data.json"))


def bring(client, page, octets):
    sent = {"file": (io.BytesIO(octets), "journal.zip")}
    return client.post(f"{page}/bring", data=sent, content_type="multipart/form-data")


def from_elsewhere(octets):
    """The same, of a pair that is not known here."""
    data = data_of(octets)
    data["pairs"][0]["with"] = "Cam Diaz"
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as file:
        file.writestr("data.json", json.dumps(data))
    return into.getvalue()


def test_each_takes_their_own_away(client, pages):
    ana, ben = (taken(client, page) for page in pages)
    told = [[goal["text"] for goal in data_of(each)["pairs"][0]["goals"]] for each in (ana, ben)]
    assert told == [["Speak up", "Ask for more money"], ["Speak up"]]
    assert (SECRET in str(data_of(ana)), SECRET in str(data_of(ben))) == (True, False)


def test_what_is_brought_is_read_by_its_owner_alone_and_goes_on_where_they_say(services, client, pages):
    ana, ben = pages
    octets = from_elsewhere(taken(client, ana))
    assert bring(client, ana, octets).status_code == 303
    shown = text_of(client.get(ana))
    assert ("You as mentee, with Cam Diaz" in shown, "Ask for more money" in shown) == (True, True)
    assert "Ask for more money" not in text_of(client.get(f"{ana}?curtain=1"))
    assert "Cam" not in text_of(client.get(ben))
    assert "Cam" not in text_of(client.get(ben.removesuffix("/journal")))
    assert [pair["with"] for pair in data_of(taken(client, ana))["pairs"]] == ["Ben Okafor", "Cam Diaz"]
    with services.database.write() as session:
        for goal in session.scalars(select(Goal)).all():
            goals.remove(session, goal)
        brought, pair = session.scalars(select(BroughtJournal.id)).one(), session.scalars(select(Pair.id)).one()
    assert client.post(f"{ben}/along", data={"brought": brought, "pair": pair}).status_code == 404
    assert client.post(f"{ana}/along", data={"brought": brought, "pair": pair}).status_code == 303
    with services.database.read() as session:
        held = {goal.text: goal.shared_at for goal in session.scalars(select(Goal))}
        assert held == {"Speak up": None, "Ask for more money": None}
        assert session.scalars(select(OutboxRow)).all() == []


def test_what_is_no_journal_is_refused_in_a_sentence_and_nothing_is_written(services, client, pages):
    octets = taken(client, pages[0])
    before = dump(services.database.engine)
    for file in (b"", b"hello", octets[:-40]):
        answer = bring(client, pages[0], file)
        assert (answer.status_code, "This is no journal of Greenroom." in text_of(answer)) == (422, True)
    form = "multipart/form-data; boundary=x"
    assert client.post(f"{pages[0]}/bring", data=bytes(3_000_000), content_type=form).status_code == 413
    assert dump(services.database.engine) == before
