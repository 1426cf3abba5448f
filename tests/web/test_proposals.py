"""Other times: offered on a page or by mail, looked at, taken, refused; and a stranger who answered."""

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from sqlalchemy import select

from service.operations import booking, inbound
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.operations.proposing import KEPT
from service.store.tables import Meeting, Pair, ProposedTime
from tests import cast
from tests.web.walk import NOW, book, form_of, forms_of, link, text_of
from workers.deliver import drain

MAILS = Path(__file__).parents[1] / "mail"
UID = b"7f0c2f5e-3b1d-4c39-9d2e-0a4b5c6d7e8f"


def arrives(services, meeting_id, name):
    """The mail as if it was about this meeting; the tokens of Ana's and Ben's pages."""
    raw = (MAILS / f"{name}.eml").read_bytes()
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        raw = raw.replace(UID, meeting.uid.encode())
        inbound.decide(session, NOW, timedelta(hours=1), inbound.receive(session, NOW, raw))
        pair = meeting.pair
    return [
        link(services, "meeting", person, pair_id=pair.id, meeting_id=meeting_id)
        for person in (pair.mentee_id, pair.mentor_id)
    ]


def ticked(page, count=3):
    """The first times that can be ticked there, and the form that offers them."""
    starts = list(dict.fromkeys(re.findall(r'name="start" value="([^"]+)"', page.get_data(as_text=True))))[:count]
    [form] = [form for form in forms_of(page) if form.action.endswith("/proposals")]
    return form, starts


def offer_three(services, client, ana):
    """Ana offers Ben three times; her page about it, and Ben's link."""
    form, starts = ticked(client.get(f"/s/{ana[0]}"))
    sent = client.post(form.action, data={**form.fields, "start": starts, "comment": "Any of these?"})
    with services.database.read() as session:
        ben = session.get(Pair, ana[1]).mentor_id
    return sent.headers["Location"], link(services, "schedule", ben, pair_id=ana[1])


def only_form(page):
    [form] = [form for form in forms_of(page) if form.method == "post"]
    return form


def the_meeting(services):
    with services.database.read() as session:
        return session.scalars(select(Meeting)).one_or_none()


def test_the_other_sees_the_time_that_was_proposed_and_takes_it_on_a_page_that_asks_once_more(services, client, ana):
    _, meeting_id = book(services, client, ana)
    anas, bens = arrives(services, meeting_id, "counter-google")
    page = client.get(f"/m/{anas}")
    assert "Ben would rather meet on Tue" in text_of(page)
    assert "Tuesday suits me better" in text_of(page)
    own = text_of(client.get(f"/m/{bens}"))
    assert "You asked for Tue" in own
    assert "would rather" not in own
    [to] = re.findall(r'href="(/s/[^"]+/proposals/\d+)"', page.get_data(as_text=True))
    [to] = re.findall(r'href="(/s/[^"]+/proposed/\d+)"', client.get(to).get_data(as_text=True))
    asked = client.get(to)
    assert "not moved yet" in text_of(asked)
    assert only_form(asked).send(client).status_code == 303
    moved = the_meeting(services)
    assert (moved.id, moved.sequence, moved.starts_at) == (meeting_id, 1, datetime(2027, 2, 9, 16, tzinfo=UTC))


def test_three_times_are_offered_looked_at_and_one_is_taken(services, client, ana):
    own, bens = offer_three(services, client, ana)
    page = text_of(client.get(own))
    assert "You offered Ben 3 times" in page
    assert page.count("Kept for the two of you until") == 3
    assert "still open" in text_of(client.get(f"/s/{ana[0]}"))
    with services.database.read() as session:
        ben = session.get(Pair, ana[1]).mentor_id
    assert "Ben suggests" not in text_of(client.get(f"/p/{link(services, 'person', ben)}"))
    assert "Ana suggests times" in text_of(client.get(f"/p/{link(services, 'person', ben)}"))
    theirs = client.get(own.replace(ana[0], bens))
    assert "Any of these?" in text_of(theirs)
    links = re.findall(r'href="([^"]+/proposed/\d+)"', theirs.get_data(as_text=True))
    asked = [client.get(each) for each in links]
    assert [page.get_data(as_text=True).count("<button") for page in asked] == [1, 1, 1]
    assert the_meeting(services) is None
    first, again = (only_form(asked[1]).send(client) for _ in range(2))
    assert first.headers["Location"] == again.headers["Location"]
    assert "Booked" in text_of(client.get(first.headers["Location"]))
    late = only_form(asked[0]).send(client)
    assert (late.status_code, "It is settled" in text_of(late)) == (409, True)
    assert "It is settled" in text_of(client.get(own))


def test_none_of_these_leads_to_times_with_a_kind_word_and_what_was_taken_back_says_so(services, client, ana):
    own, bens = offer_three(services, client, ana)
    asked = client.get(own.replace(ana[0], bens))
    to = only_form(asked).send(client)
    times = client.get(to.headers["Location"])
    assert "That is quite all right" in text_of(times)
    assert "did not suit" in text_of(client.get(own))
    own, bens = offer_three(services, client, ana)
    asked = client.get(own.replace(ana[0], bens))
    assert only_form(client.get(own)).send(client).status_code == 303
    [to, *_] = re.findall(r'href="([^"]+/proposed/\d+)"', asked.get_data(as_text=True))
    assert "taken back" in text_of(client.get(to))
    assert client.post(to).status_code == 409


def test_s02_a_click_after_the_deadline_books_or_says_what_is_free(services, client, ana):
    _, bens = offer_three(services, client, ana)
    with services.database.write() as session:
        eves = cast.other_mentee(session, NOW, session.get(Pair, ana[1]).mentor_id)
        wanted = session.scalars(select(ProposedTime).order_by(ProposedTime.id)).all()
        services.clock.now = NOW + KEPT
        gone = BookingInput(start=wanted[0].starts_at, by_id=eves.mentee_id)
        booking.book(session, services.clock(), timedelta(hours=1), SlotQuery(eves.id, "check-in"), gone)
        first, second = wanted[0].id, wanted[1].id
    assert "No longer kept" in text_of(client.get(f"/s/{bens}/proposed/{second}"))
    late = client.post(f"/s/{bens}/proposed/{first}")
    assert (late.status_code, "has just gone. Here are fresh times" in text_of(late)) == (409, True)
    assert client.post(f"/s/{bens}/proposed/{second}").status_code == 303


def test_whoever_offered_times_that_lapsed_reads_so_and_what_can_be_done(services, client, ana):
    own, bens = offer_three(services, client, ana)
    with services.database.read() as session:
        pair = session.get(Pair, ana[1])
        mine, theirs = (f"/p/{link(services, 'person', each)}" for each in (pair.mentee_id, pair.mentor_id))
    services.clock.now = NOW + KEPT
    for page in (own, f"/s/{ana[0]}", mine):
        text = text_of(client.get(page))
        assert "offered Ben are no longer kept for the two of you, and none has been taken" in text
        assert ("still open" in text, "You hear from us" in text) == (False, False)
    assert "See what suits both of you" in text_of(client.get(own))
    for page in (own.replace(ana[0], bens), f"/s/{bens}", theirs):
        assert "none has been taken" not in text_of(client.get(page))
    only_form(client.get(own)).send(client)
    assert "none has been taken" not in text_of(client.get(mine)), "they took them back"


def test_a_form_that_was_wrong_says_so_and_keeps_what_was_typed(services, client, ana):
    form, starts = ticked(client.get(f"/s/{ana[0]}"), 4)
    page = client.post(form.action, data={**form.fields, "start": starts, "comment": "KEPT-WORDS"})
    assert (page.status_code, "Mark one to 3 times" in text_of(page)) == (422, True)
    html = page.get_data(as_text=True)
    assert "KEPT-WORDS" in html
    assert html.count(" checked>") >= 4


def test_a_meeting_is_asked_to_move_to_one_of_three_times(services, client, ana):
    booked, _ = book(services, client, ana)
    form, starts = ticked(client.get(f"/m/{booked}/move"))
    own = client.post(form.action, data={**form.fields, "start": starts}).headers["Location"]
    assert "not moved yet" in text_of(client.get(own))
    assert "Ben has not answered" in text_of(client.get(f"/m/{booked}"))
    with services.database.read() as session:
        ben = session.get(Pair, ana[1]).mentor_id
    bens = link(services, "schedule", ben, pair_id=ana[1])
    none = only_form(client.get(re.sub(r"/s/[^/]+", f"/s/{bens}", own))).send(client)
    assert "That is quite all right" in text_of(client.get(none.headers["Location"]))


def test_a_time_that_the_meeting_itself_reaches_reads_as_such_and_can_be_taken(services, client, ana):
    booked, _ = book(services, client, ana)
    form, _ = ticked(client.get(f"/m/{booked}/move"))
    start = the_meeting(services).starts_at + timedelta(minutes=15)
    own = client.post(form.action, data={**form.fields, "start": f"{start:%Y-%m-%dT%H:%M:%SZ}"}).headers["Location"]
    with services.database.read() as session:
        ben = session.get(Pair, ana[1]).mentor_id
    theirs = client.get(re.sub(r"/s/[^/]+", f"/s/{link(services, 'schedule', ben, pair_id=ana[1])}", own))
    [to] = re.findall(r'href="([^"]+/proposed/\d+)"', theirs.get_data(as_text=True))
    for page in (client.get(own), theirs, client.get(to)):
        assert "Your meeting as it stands, or the break beside it, reaches into this time" in text_of(page)
        assert "was not free" not in text_of(page)
    assert only_form(client.get(to)).send(client).status_code == 303
    assert the_meeting(services).starts_at == start


def test_s20_a_link_of_another_pair_opens_nothing(services, client, ana):
    own, _ = offer_three(services, client, ana)
    with services.database.write() as session:
        eves = cast.other_mentee(session, NOW, session.get(Pair, ana[1]).mentor_id)
        eve, ben, pair_id = eves.mentee_id, eves.mentor_id, eves.id
    for person in (eve, ben):
        token = link(services, "schedule", person, pair_id=pair_id)
        assert client.get(own.replace(ana[0], token)).status_code == 404


def test_only_the_mentee_sees_that_a_stranger_answered(services, client, ana):
    _, meeting_id = book(services, client, ana)
    anas, bens = arrives(services, meeting_id, "forwarded-stranger")
    assert "did not invite answered the invitation: dan@example.org" in text_of(client.get(f"/m/{anas}"))
    assert "dan@example.org" not in text_of(client.get(f"/m/{bens}"))


def test_after_a_decline_each_time_has_a_button_and_the_second_time_something_gentler(services, client, ana):
    """Ben presses Decline twice; what his mails then lead to."""
    _, meeting_id = book(services, client, ana)
    urls = []
    for _ in range(2):
        drain(services)
        with services.database.write() as session:
            meeting = session.get(Meeting, meeting_id)
            booking.decline(session, NOW, meeting, meeting.pair.mentor_id)
        before = len(services.mailer.sent)
        drain(services)
        [mail] = [mail for mail in services.mailer.sent[before:] if mail.recipient == "ben@example.org"]
        text = message_from_bytes(mail.octets, policy=policy.default).get_body(("plain",)).get_content()
        urls.append(re.findall(r"- .*\r?\n +http://[^/]+(/\S+)", text))
        pages = [client.get(url) for url in urls[-1]]
        assert [page.status_code for page in pages] == [200] * len(pages)
        if len(urls) == 1:
            made = pages[0].request.full_path.rstrip("?")
            location = client.post(made, data=form_of(pages[0], "book")).headers["Location"]
            assert "Booked" in text_of(client.get(location))
            with services.database.read() as session:
                meeting_id = session.scalars(select(Meeting.id).order_by(Meeting.id.desc())).first()
    assert len(urls[0]) == 3
    assert [url.partition("?")[2].partition("=")[0] for url in urls[1]] == ["minutes"]
    assert "20 minutes" in text_of(client.get(urls[1][0]))


def test_no_time_before_the_day_that_a_link_names(services, client, ana):
    times = client.get(f"/s/{ana[0]}?from=2027-02-10&session=check-in").get_data(as_text=True)
    starts = re.findall(r'name="start" value="([^"]+)"', times)
    assert min(starts) > "2027-02-10"
    assert client.get(f"/s/{ana[0]}?from=soon").status_code == 200
