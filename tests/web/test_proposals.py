"""What came in by mail, on the meeting's page: another time, and a stranger."""

from pathlib import Path

from service.operations import inbound
from service.store.tables import Meeting
from tests.web.walk import NOW, book, link, text_of

MAILS = Path(__file__).parents[1] / "mail"
UID = b"7f0c2f5e-3b1d-4c39-9d2e-0a4b5c6d7e8f"


def arrives(services, meeting_id, name):
    """The mail as if it was about this meeting; the tokens of Ana's and Ben's pages."""
    raw = (MAILS / f"{name}.eml").read_bytes()
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        raw = raw.replace(UID, meeting.uid.encode())
        inbound.decide(session, NOW, inbound.receive(session, NOW, raw))
        pair = meeting.pair
    return [
        link(services, "meeting", person, pair_id=pair.id, meeting_id=meeting_id)
        for person in (pair.mentee_id, pair.mentor_id)
    ]


def test_the_other_sees_the_time_that_was_proposed_and_takes_it_on_the_page_that_moves(services, client, ana):
    _, meeting_id = book(services, client, ana)
    anas, bens = arrives(services, meeting_id, "counter-google")
    page = client.get(f"/m/{anas}")
    assert "Ben would rather meet on Tue" in text_of(page)
    assert "Tuesday suits me better" in text_of(page)
    [to] = [part.partition('"')[0] for part in page.get_data(as_text=True).split('href="') if "start=" in part[:99]]
    asked = client.get(to)
    assert (asked.status_code, "not moved yet" in text_of(asked)) == (200, True)
    own = text_of(client.get(f"/m/{bens}"))
    assert "You asked for Tue" in own
    assert "would rather" not in own


def test_only_the_mentee_sees_that_a_stranger_answered(services, client, ana):
    _, meeting_id = book(services, client, ana)
    anas, bens = arrives(services, meeting_id, "forwarded-stranger")
    assert "did not invite answered the invitation: dan@example.org" in text_of(client.get(f"/m/{anas}"))
    assert "dan@example.org" not in text_of(client.get(f"/m/{bens}"))
