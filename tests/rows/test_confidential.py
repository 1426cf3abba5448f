"""Row of confidence: a secret typed into every private field, and every way out looked through for it. The cells of
the table, one by one, are held in tests/test_matrix.py."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest

from service.domain.access import CELLS, COLUMNS, TABLES, Thing
from service.domain.agenda import AgendaDraft
from service.operations import coordinators
from service.operations.people import PersonInput
from service.store.sealed_columns import sealed_columns
from service.store.tables import ApiToken, Base
from service.store.types import fingerprint
from service.web.api.frame import CALLS, PREFIX
from tests.crawl import crawl
from tests.mails import ics_of
from tests.rows.life import at
from tests.walked import Heard
from tests.web.walk import forms_of, link
from workers.clock import dispatch

MET = at("2027-02-08T15:00+00:00")
ANAS_OWN = (
    "zqLABELqz", "zqHOPEqz", "zqGOALqz", "zqCRITERIONqz", "zqREFLECTIONqz", "zqTHOUGHTqz", "zqSTORYqz", "zqLIKEqz",
    "zqUNLIKEqz", "zqTRYqz", "zqANSWERqz", "zqANAS-DEBRIEFqz", "zqMOREqz", "zqLESSqz", "zqKEEPqz", "zqSUMMARYqz",
)  # fmt: skip
BENS_OWN = ("zqBENS-REFLECTIONqz", "zqMOTIVEqz", "zqBENS-DEBRIEFqz")
OF_BOTH = (
    "zqSHARED-LABELqz", "zqASKqz", "zqPOINTqz", "zqHIDDENqz", "zqREASONqz", "zqLINEqz", "zqNOTEqz", "zqMATTERSqz",
    "zqOPTIONqz", "zqQUESTIONqz",
)  # fmt: skip
IN_CALENDARS = {"zqPOINTqz"}  # at the level that holds unless they agree otherwise, and no tick keeps it out
HELP = "zqHELPqz"  # typed to the coordinator, and to nobody else
TOLD_BY_MAIL = {"zqASKqz", "zqREASONqz"}  # to the other, when it mattered
SENTINEL = re.compile(r"zq[A-Z-]+qz")


class Walk:
    """Types as the two would, by their own pages."""

    def __init__(self, life):
        self.life = life

    def post(self, who, path, **typed):
        answer = self.life.client.post(f"/p/{self.life.tokens[who]}/{path}", data=typed)
        assert answer.status_code == 303, (path, answer.status_code)

    def before(self):
        life, pair = self.life, self.life.pair_id
        day = {"pair": pair, "kind": "exam", "day": "2027-03-02", "time": "10:00"}
        self.post("ana", "date", **day, label="zqLABELqz", shared_label="zqSHARED-LABELqz")
        self.post("ana", "share_date", date=1)
        life.act("ana", "answer", hope="zqHOPEqz")
        self.post("ana", f"goals/{pair}/add", text="zqGOALqz", worked_when="zqCRITERIONqz")
        self.post("ana", f"goals/{pair}/matters", matters="zqMATTERSqz")
        self.post("ben", f"goals/{pair}/suggest", kind="option", text="zqOPTIONqz")
        self.post("ana", f"primer/{pair}/read", summary="zqSUMMARYqz")
        points = (AgendaDraft("zqPOINTqz"), AgendaDraft("zqHIDDENqz", hidden=True))
        held = life.book(MET - timedelta(hours=1), "debrief", ask="zqASKqz", agenda=points)
        moved = {"start": f"{MET:%Y-%m-%dT%H:%M:%SZ}", "action": "move", "reason": "zqREASONqz"}
        assert life.client.post(f"{life.meeting('ana', held)}/move", data=moved).status_code == 303
        self.post("ana", "help", help=HELP)
        return held

    def after(self, held):
        life, pair = self.life, self.life.pair_id
        followed = life.client.get(life.followup("ana", held))
        said = {"line__0__text": "zqLINEqz", "reflection": "zqREFLECTIONqz"}
        assert life.send(followed, {"line.0.text": None}, **said).status_code == 303
        bens = {"reflection": "zqBENS-REFLECTIONqz"}
        page = life.client.get(life.followup("ben", held))
        assert life.send(page, {"reflection": None}, **bens).status_code == 303
        self.post("ana", f"notes/{pair}/reflect", meeting=held, **{"thought.stayed": "zqTHOUGHTqz"})
        parts = {"text": "zqSTORYqz", "alike": "zqLIKEqz", "unlike": "zqUNLIKEqz", "trying": "zqTRYqz"}
        self.post("ana", f"notes/{pair}/story", **parts)
        self.post("ben", f"notes/{pair}/ask", text="zqQUESTIONqz")
        self.post("ana", f"notes/{pair}/question", question=1, how="keep", answer="zqANSWERqz", shared="on")
        self.post("ana", f"pulse/{pair}", more="zqMOREqz", less="zqLESSqz", keep="zqKEEPqz")
        self.post("ana", "agreed/1", state="stuck", note="zqNOTEqz")
        self.post("ana", f"notes/{pair}/debrief", meeting=held, debrief="zqANAS-DEBRIEFqz", action="write")


@pytest.fixture
def heard(caplog):
    caplog.set_level(logging.DEBUG)
    handler = Heard()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def pages(life, who, held):
    starts = [f"/p/{life.tokens[who]}", life.meeting(who, held), life.followup(who, held)]
    return " ".join(text for _, text in crawl(life.client, starts))


def coordinated(life):
    """The address of the coordinator's page."""
    with life.services.database.write() as session:
        cleo = coordinators.appoint(session, life.services.clock(), PersonInput("cleo@example.org", "Cleo Park", "UTC"))
        token = coordinators.programme_link(session, life.services.clock(), cleo).token
    return f"/programme/{token}"


def calls_of_the_coordinator(life):
    with life.services.database.write() as session:
        session.add(ApiToken(token_hash=fingerprint("cleo" * 9), person_id=None, created_at=life.services.clock()))
    headers = {"Authorization": f"Bearer {'cleo' * 9}"}
    asked = [re.sub(r"<int:\w+>", "1", call.path) for call in CALLS if call.method == "GET"]
    return " ".join(life.client.get(f"{PREFIX}{path}", headers=headers).get_data(as_text=True) for path in asked)


def found_in(text):
    return set(SENTINEL.findall(text))


def test_e39_what_is_typed_in_confidence_is_where_the_two_meant_it_and_nowhere_else(life, heard):
    walk, programme = Walk(life), coordinated(life)
    held = walk.before()
    life.pass_to(MET - timedelta(minutes=90), timedelta(days=9))
    life.pass_to(MET + timedelta(hours=2), timedelta(days=9))
    walk.after(held)
    own = {who: found_in(pages(life, who, held)) for who in life.ids}
    assert own["ana"] >= {*ANAS_OWN, *OF_BOTH} - TOLD_BY_MAIL, "it was typed, and its author reads it"
    assert own["ben"] & {*ANAS_OWN, HELP} == set()
    assert own["ana"] & {*BENS_OWN} == set()
    life.pass_to(MET + timedelta(days=1, hours=1), timedelta(days=9))
    life.pass_to(MET + timedelta(days=40), timedelta(days=60))
    mails = {who: life.mails(who) for who in life.ids}
    assert found_in(" ".join(str(mail.get_body(("plain",)).get_content()) for mail in mails["ben"])) >= TOLD_BY_MAIL
    for who, theirs in (("ana", BENS_OWN), ("ben", (*ANAS_OWN, HELP))):
        assert mails[who]
        for mail in mails[who]:
            entry = ics_of(mail) if "text/calendar" in [part.get_content_type() for part in mail.walk()] else ""
            texts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
            assert found_in(" ".join(texts)) & {*theirs} == set()
            assert found_in(entry) <= IN_CALENDARS
            assert not found_in(" ".join(f"{name}: {value}" for name, value in mail.items())), "no subject, no header"
    assert found_in(calls_of_the_coordinator(life)) == {HELP}, "who looks after the programme reads none of it"
    assert found_in(" ".join(text for _, text in crawl(life.client, [programme]))) == {HELP}, "but what is for them"
    (asked,) = life.mails("cleo")
    assert not found_in(asked.as_string()), "and no mail says that"
    operator = life.client.get(f"/operator/{link(life.services, 'operator', None)}").text
    assert found_in(operator + life.client.get("/metrics").text) == set()
    life.book(at("2027-03-29T15:00+00:00"), ask="zqASKqz")
    dispatch(life.services)
    assert heard.lines
    assert life.services.jobs.asked
    assert found_in(" ".join(heard.lines)) == set(), "no log line"
    assert found_in(repr(life.services.jobs.asked)) == set(), "no job"


def test_e39_a_debrief_and_a_motive_of_the_mentors_are_as_safe(life):
    life.act("ben", "answer", motive="zqMOTIVEqz")
    held = life.book(MET, "debrief")
    life.pass_to(MET + timedelta(hours=2), timedelta(days=9))
    said = {"meeting": held, "debrief": "zqBENS-DEBRIEFqz", "action": "write"}
    Walk(life).post("ben", f"notes/{life.pair_id}/debrief", **said)
    assert found_in(pages(life, "ana", held)) == set()
    assert "Whoever runs this machine" in life.text("ana", f"/notes/{life.pair_id}"), "and the limits are told"
    (form,) = [
        form for form in forms_of(life.page("ana", f"/notes/{life.pair_id}")) if ("action", "skip") in form.buttons
    ]
    assert form.send(life.client, ("action", "skip")).status_code == 303
    assert found_in(pages(life, "ana", held)) == {"zqBENS-DEBRIEFqz"}, "once the mentee has passed"


def test_e39_nothing_is_kept_that_the_table_does_not_know():
    assert set(TABLES) == set(Base.metadata.tables)
    assert set(CELLS) == {(role, thing) for role in COLUMNS for thing in Thing}
    for table in Base.metadata.sorted_tables:
        for column in sealed_columns(table):
            assert TABLES[table.name].of(column.name) in Thing, f"{column}: somebody typed it, and it is nobody's"
