"""The operator's page: what is wrong first, one decision a button, nothing that a person typed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from service.domain.meeting import Phase
from service.links import link_for, revoke_links
from service.store import heartbeats
from service.store.tables import CalendarWrite, Connection, Meeting, OutboxRow
from service.wiring import utc_now
from tests import cast
from tests.stored import dump
from tests.web.walk import NOW, SECRET, add_mail, text_of


@pytest.fixture
def token(services):
    for part in heartbeats.PARTS:
        heartbeats.beat(services.database, f"{part}-1", part, utc_now())
    with services.database.write() as session:
        return link_for(session, NOW, "operator", None).token


def state_of(services, row_id):
    with services.database.read() as session:
        return session.get(OutboxRow, row_id).state


def test_all_is_well_when_nothing_needs_anybody(services, client, token):
    answer = client.get(f"/operator/{token}")
    assert answer.status_code == 200
    told = text_of(answer)
    assert "All is well" in told
    assert "Worker one process, heard of" in told
    assert "<button" not in answer.get_data(as_text=True)


def test_what_a_restore_holds_is_said_with_what_to_do(services, client, token):
    row_id = add_mail(services, "pending")
    with services.database.write() as session:
        session.get(OutboxRow, row_id).held_at = NOW
    services.clock.advance(days=1)
    told = text_of(client.get(f"/operator/{token}"))
    assert "At the moment a restore holds one mail back." in told
    assert "1 links. It was due by the time of the restore" in told
    assert "has waited" not in told


def test_mail_that_was_refused_for_now_is_not_called_well(services, client, token):
    row_id = add_mail(services, "pending")
    with services.database.write() as session:
        row = session.get(OutboxRow, row_id)
        row.attempts, row.due_at, row.last_error = 1, NOW + timedelta(minutes=5), "smtp_unreachable"
    told = text_of(client.get(f"/operator/{token}"))
    assert "Nothing needs you yet Some mail was refused for now and is tried again by itself" in told
    assert "All is well" not in told
    assert f"Try mail {row_id} again" in told


@pytest.mark.databases
def test_meetings_that_a_calendar_did_not_take_are_told_and_what_mail_brings_instead_is_not(services, client, token):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        made = Connection(person_id=pair.mentee_id, provider="google", url="ana", access="write", created_at=NOW)
        session.add(made)
        session.flush()
        meeting = Meeting(
            pair_id=pair.id, uid="u1", session="check-in", starts_at=NOW + timedelta(days=1), fixed_at=NOW,
            ends_at=NOW + timedelta(days=1, minutes=30), phase=Phase.BOOKED, created_at=NOW,
        )  # fmt: skip
        session.add(meeting)
        session.flush()
        for invites, connection_id in ((False, made.id), (True, None)):
            session.add(
                CalendarWrite(
                    meeting_id=meeting.id, person_id=pair.mentor_id if invites else pair.mentee_id,
                    connection_id=connection_id, invites=invites, state="failed", created_at=NOW,
                )
            )  # fmt: skip
    told = text_of(client.get(f"/operator/{token}"))
    assert "At the moment one meeting could not be written into a calendar." in told
    assert "Meetings that a calendar did not take Their pages tell their people" in told
    assert "Meetings in calendars 2 failed" in told
    with services.database.write() as session:
        session.execute(update(CalendarWrite).values(state="pending", due_at=NOW))
    services.clock.advance(minutes=2)
    assert "All is well" in text_of(client.get(f"/operator/{token}")), "as long as any healthy queue takes"
    services.clock.advance(minutes=5)
    told = text_of(client.get(f"/operator/{token}"))
    assert "At the moment a meeting has waited 7 min to be written into a calendar." in told
    assert "look at the clock and at the worker for calendars" in told


@pytest.mark.databases
def test_what_is_wrong_is_said_first(services, client, token):
    with services.database.write() as session:
        cast.talk(session, NOW, cast.pair(session, NOW))
        made = cast.broken_calendar(session, NOW, cast.person(session, NOW, "ben").id)
        made.url, made.password, made.fault = (
            f"https://u:PASS-WORD@cal.example.org/{SECRET}.ics",
            "PASS-WORD",
            "timeout",
        )
    for state, error in (("uncertain", "answer_lost"), ("dead", "smtp_refused"), ("dead", "KeyError")):
        add_mail(services, state, error)
    services.clock.advance(minutes=7)
    add_mail(services, "pending", due_at=NOW)
    services.jobs.broken = True
    answer = client.get(f"/operator/{token}")
    html, told = answer.get_data(as_text=True), text_of(answer)
    assert (
        "At the moment the queue does not answer, mail that is due has waited 7 min, one mail may have arrived or not, "
        "2 mails were refused for good and one calendar is not read well." in told
    )
    assert "The mail server&#39;s answer never came." in told
    assert "(KeyError)" in told
    assert "Calendar feed, cal.example.org" in told
    assert "ben@example.org · last read 48 h ago" in told
    assert "Its owner reads: “Its server takes too long to answer.” It is tried again by itself." in told
    assert SECRET not in html
    assert "PASS-WORD" not in html


@pytest.mark.databases
@pytest.mark.parametrize(
    ("before", "decision", "after"),
    [
        ("uncertain", "arrived", "sent"),
        ("uncertain", "resend", "pending"),
        ("dead", "retry", "pending"),
        ("pending", "retry", "pending"),
    ],
)
def test_one_decision_a_button(services, client, token, before, decision, after):
    row_id = add_mail(services, before, "smtp_refused", due_at=NOW + timedelta(hours=1))
    assert f'name="mail" value="{row_id}"' in client.get(f"/operator/{token}").get_data(as_text=True)
    answer = client.post(f"/operator/{token}", data={"mail": row_id, "decision": decision})
    assert answer.status_code == 303
    assert state_of(services, row_id) == after
    with services.database.read() as session:
        assert session.get(OutboxRow, row_id).due_at == NOW + (after == "sent") * timedelta(hours=1)
    assert f"your word on mail {row_id} holds" in text_of(client.get(answer.headers["Location"]))


@pytest.mark.databases
def test_all_that_are_dead_go_out_again_at_once(services, client, token):
    dead = [add_mail(services, "dead", error) for error in ("smtp_refused", "unknown_kind")]
    other = add_mail(services, "uncertain", "answer_lost")
    assert "Try all 2 again" in text_of(client.get(f"/operator/{token}"))
    answer = client.post(f"/operator/{token}", data={"decision": "retry-dead"})
    assert [state_of(services, row_id) for row_id in (*dead, other)] == ["pending", "pending", "uncertain"]
    assert "they go out again" in text_of(client.get(answer.headers["Location"]))


def test_a_second_press_decides_nothing(services, client, token):
    row_id = add_mail(services, "uncertain", "answer_lost")
    client.post(f"/operator/{token}", data={"mail": row_id, "decision": "arrived"})
    answer = client.post(f"/operator/{token}", data={"mail": row_id, "decision": "resend"})
    assert answer.status_code == 409
    assert "This mail is sent, not uncertain" in text_of(answer)
    assert state_of(services, row_id) == "sent"


@pytest.mark.parametrize(
    ("data", "status"),
    [({}, 404), ({"mail": "9"}, 422), ({"mail": "9", "decision": "arrived"}, 404), ({"mail": "x"}, 404)],
)
def test_nonsense_is_refused(client, token, data, status):
    assert client.post(f"/operator/{token}", data=data).status_code == status


def test_looking_changes_nothing_and_leaves_no_trace_elsewhere(services, client, token):
    add_mail(services, "uncertain")
    before = dump(services.database.engine)
    answer = client.get(f"/operator/{token}")
    assert dump(services.database.engine) == before
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_link_for_another_purpose_and_an_old_one_open_nothing(services, client, token, ana):
    row_id = add_mail(services, "uncertain")
    for other, status in ((ana[0], 404), ("x" * 32, 404)):
        assert client.get(f"/operator/{other}").status_code == status
        assert client.post(f"/operator/{other}", data={"mail": row_id, "decision": "arrived"}).status_code == status
    with services.database.write() as session:
        assert revoke_links(session, NOW, None, "operator") == 1
    assert client.get(f"/operator/{token}").status_code == 410
    assert state_of(services, row_id) == "uncertain"


def test_the_command_prints_the_link_again_and_rotates_it(run):
    first = run("operator", "--json")["url"]
    assert "/operator/" in first
    assert run("operator", "--json")["url"] == first
    assert run("operator", "--rotate", "--json")["url"] != first
