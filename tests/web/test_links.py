"""What a link may do and may not: looking changes nothing, old and foreign ones are kind, none is a way to spam."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import url_for
from sqlalchemy import select

from service.operations import agreements, commitments, coordinators, proposing
from service.operations.commitments import Line
from service.operations.offering import SlotQuery
from service.operations.people import PersonInput
from service.operations.proposing import ProposalInput
from service.store.tables import ApiToken, Link, Meeting, OutboxRow, Pair
from service.store.types import fingerprint
from tests import cast
from tests.stored import dump
from tests.web.walk import NOW, SECRET, book, link, text_of
from workers.deliver import drain


@pytest.mark.parametrize(
    "path",
    [
        "/s/{}",
        "/m/{}",
        "/i/{}",
        "/f/{}",
        "/p/{}",
        "/connect/{}",
        "/operator/{}",
        "/programme/{}",
    ],
)
def test_old_foreign_and_cut_links_get_a_kind_page(services, client, ana, path):
    for token in ("cut", ana[0][:-1], "x" * 32):
        answer = client.get(path.format(token))
        assert answer.status_code == 404
        assert "mail you" in text_of(answer)
    if path != "/s/{}":
        assert client.get(path.format(ana[0])).status_code == 404, "for another purpose"
    services.clock.now = NOW + timedelta(days=400)
    assert client.get(f"/s/{ana[0]}").status_code == 410


def test_the_front_page_answers_everyone_the_same(services, client, ana):
    answers = [
        client.post("/", data={"email": email}) for email in ("ana@example.org", "nobody@example.org", "nonsense")
    ]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, "/?sent=1")}
    with services.database.read() as session:
        assert [row.kind for row in session.scalars(select(OutboxRow))] == ["links"]


def sign(session, pair):
    """The usual agreement, by both."""
    both = pair.mentee_id, pair.mentor_id
    for by_id in both:
        agreements.answer(session, NOW, pair, by_id, {"coordinator_reads": "yes"})
    for by_id in both:
        agreements.sign(session, NOW, pair, by_id, agreements.desk(session, pair, by_id).row.text_sha256)


def test_s20_get_changes_nothing(services, client, ana):
    """Every address that answers a GET, with a booking behind it: one that is added later is visited as well."""
    token, meeting_id = book(services, client, ana)
    with services.database.write() as session:
        pair = session.get(Pair, ana[1])
        mine, subject = pair.mentee_id, {"pair_id": pair.id, "meeting_id": meeting_id}
        sign(session, pair)
        monday = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
        said = ProposalInput((monday,), pair.mentor_id)
        offer = proposing.propose(session, NOW, timedelta(hours=1), SlotQuery(pair.id, "check-in"), said)
        day = date(2027, 3, 1)
        learn = commitments.agree(
            session, NOW, session.get(Meeting, meeting_id), mine, Line(None, "A course", mine, day, "learn")
        )
        commitments.plan_learning(learn, day, day)
        session.flush()
        subject |= {"commitment_id": learn.id, "date_id": ana[2]}
        fair = cast.talk(session, NOW, pair, kind="conference", uid="u")
        subject |= {"proposal_id": offer.id, "time_id": offer.times[0].id}
        session.add(ApiToken(token_hash=fingerprint("ana" * 9), person_id=mine, created_at=NOW))
    purposes = {
        "after.entry": "entry",
        "after.after": "followup",
        "person.show": "person",
        "erasing.show": "person",
        "agreement.show": "person",
        "agreement.download": "person",
        "commitments.show": "person",
        "arc.show": "person",
        "arc.holds": "person",
        "commitments.hold": "person",
        "consent.connect": "connect",
        "goals.show": "person",
        "notes.show": "person",
        "primer.show": "person",
        "pulse.show": "person",
        "pulse.ending": "person",
        "goals.download": "person",
        "journal.show": "person",
        "journal.download": "person",
        "feed.show": "feed",
    }
    about = {"pair_id": pair.id, "meeting_id": meeting_id}
    tokens = {endpoint: link(services, purpose, mine, **about) for endpoint, purpose in purposes.items()}
    tokens |= {"booking.times": ana[0], "booking.decide": ana[0], "operator.show": link(services, "operator", None)}
    with services.database.write() as session:
        cleo = coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "UTC"))
        for endpoint in ("programme.show", "programme.agreement"):
            tokens[endpoint] = coordinators.programme_link(session, NOW, cleo).token
    tokens |= {"proposals.show": ana[0], "proposals.decide": ana[0]}
    rules = [rule for rule in client.application.url_map.iter_rules() if "GET" in rule.methods]
    before = dump(services.database.engine)
    for rule in rules:
        known = subject | {
            "token": tokens.get(rule.endpoint, token),
            "key": "none",
            "filename": "page.css",
            "provider": "google",
            "version": 1,
            "date_id": fair.id if rule.endpoint == "arc.holds" else ana[2],
            "form": "csv" if rule.endpoint == "goals.download" else "md",
        }
        with client.application.test_request_context():
            url = url_for(rule.endpoint, **{name: known[name] for name in rule.arguments})
        query = {"start": "2027-02-25T15:00:00Z", "session": "check-in", "booked": "1"}
        with client.get(url, query_string=query, headers={"Authorization": f"Bearer {'ana' * 9}"}) as answer:
            mentors = "api.GET /pairs/<int:pair_id>/mirror"
            answers_otherwise = rule.endpoint in {"health.ready", "callback.back", mentors}
            gone = answers_otherwise or rule.endpoint.startswith("api.GET /programme") or "mailbox" in url
            assert gone or answer.status_code == 200, (url, answer.status_code)
    new = set(dump(services.database.engine)) ^ set(before)
    assert {row.partition(" ")[0] for row in new} == {"looks"}, "the coordinator's pages, which the pair sees"


def test_s20_a_token_is_in_no_calendar_file_and_only_hashed(services, client, ana):
    token, _ = book(services, client, ana)
    drain(services)
    stored = "\n".join(dump(services.database.engine))
    with services.database.read() as session:
        tokens = [found.token for found in session.scalars(select(Link))]
        uid = session.scalars(select(Meeting.uid)).one()
    assert token in tokens
    assert uid not in tokens
    assert not any(found in stored for found in tokens)
    assert SECRET not in stored


def test_s21_a_link_mails_only_the_two_and_is_limited(services, client, ana):
    book(services, client, ana)
    with services.database.read() as session:
        pair = session.get(cast.Pair, ana[1])
        assert {row.person_id for row in session.scalars(select(OutboxRow))} == {pair.mentee_id, pair.mentor_id}
    answers = [client.post(f"/s/{ana[0]}/time", data={"start": "2027-02-26T03:00:00Z"}).status_code for _ in range(80)]
    assert answers[0] == 422
    assert answers[-1] == 429
    assert "Wait" in text_of(client.post(f"/s/{ana[0]}/time"))


def test_what_somebody_typed_is_in_no_log(services, client, ana, monkeypatch, caplog):
    def broken(*_arguments, **_named):
        raise ValueError("-".join(("SECRET", "TYPED")))

    monkeypatch.setattr("service.web.front.personal_links.queue_links_mail", broken)
    answer = client.post("/", data={"email": "SECRET-TYPED"})
    assert answer.status_code == 500
    assert "ValueError" in caplog.text
    assert "SECRET-TYPED" not in caplog.text
