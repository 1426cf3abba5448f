"""A year of one pair, day by day: every mail that they get, with its moment on its reader's clock."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from service.domain.followup import WAKING
from service.operations.mail_view import MENTEE_COUNT, MENTOR_COUNT
from tests import smtp
from tests.commands import PAIR
from tests.rows.life import at
from tests.web.walk import forms_of
from tests.year import open_year

SNAPSHOT = Path(__file__).parent / "year.txt"
TYPED = {  # what they write, by what it is; no subject says any of it
    "hope": "Courage before the committee",
    "promise": "Read the chapter on openings",
    "bens_promise": "Ask Kim for an hour",
    "reflection": "I was calm",
    "ask": "How I say no to a second panel",
    "told": "Draft the outline",
    "more": "Silence after a question",
    "bens_second": "Send the two letters",
    "label": "Defence at the institute",
}
ACTED = {
    "invitation",
    "cancellation",
    "agreement",
    "agreement-turn",
    "closure",
    "not-happened",
    "welcome",
}  # somebody did it
NUDGES = {"action-nudge", "book-nudge", "midpoint"}
MOST_A_DAY, MOST_A_WEEK = 2, 6  # of mails that nobody's action caused


@pytest.fixture
def year(run, monkeypatch):
    with smtp.running() as (sink, port):
        opened = open_year(run, monkeypatch, sink, port, at("2027-02-01T09:00+00:00"))
        yield opened
        opened.services.database.close()


@pytest.mark.long
def test_a_year_of_one_pair_and_every_mail_of_it(year):
    told = [line for chapter in STORY for line in chapter_of(year, chapter)]
    same_as_reviewed(told)
    assert year.unended() == []
    took_place = [each for each in year.life.meetings() if each.phase == "closed" and each.happened is not False]
    assert len(took_place) == 11, "the kick-off and ten"
    for who in ("ana", "ben"):
        mine = [mail for mail in year.mails if mail.who == who]
        budget_holds(mine)
        at_decent_hours(mine)
        assert between(mine, "2027-07-05T18:00", "2027-08-16T04:00") == set(), "they paused"
        assert [mail.kind for mail in mine][-2:] == ["closure", "purge-14"]
        assert between(mine, "2028-02-10T15:00", "2029-01-01T00:00") == {"purge-14"}, "it had ended"
    typed = {word for text in TYPED.values() for word in re.findall(r"\w{5,}", text.casefold())}
    for mail in year.mails:
        assert not typed & set(re.findall(r"\w+", mail.message["Subject"].casefold()))


def between(mails, first, last):
    """What came after the one moment and before the other, both in UTC."""
    return {mail.kind for mail in mails if at(f"{first}+00:00") < mail.at < at(f"{last}+00:00")}


def chapter_of(year, chapter):
    """Its title and its mails; what came of something that somebody did at that moment has a star."""
    before = len(year.mails)
    chapter(year)
    titled = f"{chapter.__doc__ or chapter.__name__.replace('_', ' ').capitalize() + '.'}"
    return ["", titled] + [
        f"{mail.at:%a %Y-%m-%d %H:%M %Z}".ljust(26)
        + f"{mail.who}  {'*' if mail.acted and mail.kind in ACTED else ' '} {mail.kind:<15}{mail.message['Subject']}"
        for mail in year.mails[before:]
    ]


def same_as_reviewed(told):
    text = "\n".join(told).strip() + "\n"
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(text, encoding="utf-8")
        pytest.fail(f"{SNAPSHOT.name} was not there and has been written: read it, then run again")
    assert text == SNAPSHOT.read_text(encoding="utf-8")


def budget_holds(mine):
    """One mail of a kind about a meeting, three or two of those that nobody asked for, one nudge a day, and nothing
    that could have come together."""
    unasked = [mail for mail in mine if mail.kind not in ACTED]
    for counted in (MENTEE_COUNT, MENTOR_COUNT):
        about = [(mail.meeting_id, mail.kind) for mail in mine if mail.kind in counted]
        assert len(about) == len(set(about))
    nudged = [mail.at.date() for mail in mine if mail.kind in NUDGES]
    assert len(nudged) == len(set(nudged)), "one a day"
    for one, following in pairwise(unasked):
        assert following.at - one.at > timedelta(hours=3), f"{one.kind} and {following.kind} might be one"
    for mail in unasked:
        near = [other for other in unasked if timedelta(0) <= other.at - mail.at < timedelta(days=7)]
        assert len(near) <= MOST_A_WEEK
        assert sum(other.at.date() == mail.at.date() for other in near) <= MOST_A_DAY


def at_decent_hours(mine):
    for mail in mine:
        answer = mail.acted and mail.kind in ACTED
        assert answer or WAKING[0] <= mail.at.hour < WAKING[1], f"{mail.kind} at {mail.at:%H:%M}"


def paired(year):
    """They are paired; Ana waits until she is asked before she books."""
    year.life.pair_id = year.cli(*PAIR)["id"]
    year.cli("pair", "welcome", "--all", "--yes")
    for who in ("ana", "ben"):
        year.meet(who)
    year.until("2027-02-04T18:00")
    year.book("ana", "2027-02-10T15:00", "kick-off")


def signed(year):
    """Each answers alone; they settle where they differ when they meet, and both sign."""
    year.until("2027-02-05T19:00")
    year.agreement("ana", "answer", cadence="steady", day_word="yes", hope=TYPED["hope"], notice="24h")
    year.until("2027-02-08T21:00")
    year.agreement("ben", "answer", cadence="sprint", notice="24h")
    year.until("2027-02-10T15:40")
    year.agreement("ana", "change", cadence="steady")
    year.agreement("ana", "sign")
    year.agreement("ben", "sign")


def after_the_kick_off(year):
    """After the kick-off each takes something on, and the next time is booked."""
    year.until("2027-02-10T18:30")
    said = {"line__0__text": TYPED["promise"], "line__0__owner": year.ids["ana"], "reflection": TYPED["reflection"]}
    year.press(year.newest("ana", "followup").url("/f/"), {"line.0.text": None}, happened="yes", **said)
    year.book("ana", "2027-03-10T15:00")
    year.until("2027-02-10T20:00")
    met = year.meeting("ben", "2027-02-10T15:00")
    year.acts(year.life.client.post(f"{met}/agree", data={"text": TYPED["bens_promise"], "owner": year.ids["ben"]}))


def renegotiated(year):
    """The first promise gets a new date; Ana says by mail what she wants, and what she took on."""
    year.until("2027-03-08T18:00")
    year.reply("ana", "agenda-ask", TYPED["ask"])
    promise = year.newest("ana", "agenda-ask").url("/p/[^/]+/agreed/")
    year.press(promise, {"due_on": None, "reason": None}, due_on="2027-03-19", reason="bigger", state="renegotiated")
    year.until("2027-03-10T18:00")
    year.reply("ana", "followup", f"Ana: {TYPED['told']}")


def an_arc_that_moves(year):
    """New York's clocks have changed. A talk, with its arc; it moves by a week, and two of the meetings with it."""
    year.until("2027-03-16T10:00")
    talk = {"kind": "presentation", "time": "15:00", "run_minutes": "20", "label": TYPED["label"]}
    date_id = year.arc("2027-04-22", ["shape", "practice", "debrief"], **talk)
    year.until("2027-03-18T10:00")
    year.press(year.newest("ana", "agenda-ask").url("/p/[^/]+/agreed/"), {"note": None}, state="done")
    year.until("2027-04-13T10:00")
    year.own("ana", "date", pair=year.life.pair_id, date=date_id, day="2027-04-29", **talk)
    year.until("2027-04-14T10:00")
    year.move("ana", "2027-04-16T14:00", "2027-04-21T14:00")
    year.move("ana", "2027-04-23T13:00", "2027-04-30T14:00")


def one_that_did_not_happen(year):
    """Ben waits, and says that they did not meet; Ana finds another time."""
    year.until("2027-04-30T17:00")
    year.book("ana", "2027-05-20T14:00")
    year.until("2027-05-20T14:25")
    missed = year.meeting("ben", "2027-05-20T14:00")
    year.acts(year.life.client.post(f"{missed}/happened", data={"happened": "no"}))
    year.until("2027-05-20T18:00")
    year.book("ana", "2027-05-27T14:00")


def an_arc_that_is_called_off(year):
    """An interview that does not take place: Ana keeps the talk of that day, and cancels the practice."""
    year.until("2027-06-01T10:00")
    date_id = year.arc("2027-06-24", ["shape", "practice"], kind="interview", time="11:00")
    year.until("2027-06-17T10:00")
    year.own("ana", "drop_date", date=date_id)
    year.until("2027-06-17T15:00")
    year.acts(year.life.client.post(f"{year.meeting('ana', '2027-06-21T13:00')}/cancel"))


def a_pause(year):
    """Ben is away, until the day on which it is half-time."""
    year.until("2027-07-05T18:00")
    year.own("ben", "pause", pair=year.life.pair_id, until="2027-08-16")
    year.until("2027-08-18T17:00")
    year.book("ana", "2027-09-02T14:00")


def half_way(year):
    """Each says what they would have more and less of. Ana suggests two changes; both are asked, and both sign."""
    year.until("2027-08-19T17:00")
    for who in ("ana", "ben"):
        address = f"/p/{year.life.tokens[who]}/pulse/{year.life.pair_id}"
        year.acts(year.life.client.post(address, data={"more": TYPED["more"]}))
    year.agreement("ana", "change", cadence="light", scheduler="mentor")
    year.agreement("ana", "sign")
    year.until("2027-08-20T13:30")
    year.agreement("ben", "sign")
    year.until("2027-09-02T18:00")
    year.reply("ana", "followup", f"Ben: {TYPED['bens_second']}")


def another_zone(year):
    """Ben moves to Berlin. He finds the times now, and is asked to, seven weeks after they met."""
    year.until("2027-09-15T10:00")
    year.cli("person", "edit", "ben@example.org", "--zone", "Europe/Berlin")
    year.until("2027-10-22T12:00")
    year.book("ben", "2027-11-04T10:00")


def autumn(year):
    """The clocks of both have changed at the end of October. Two more times, and the last one."""
    year.until("2027-11-04T15:00")
    year.book("ben", "2027-12-16T10:00")
    year.until("2027-12-16T15:00")
    year.book("ben", "2028-01-27T10:00", "closure")
    year.until("2028-01-27T12:00")


def the_end(year):
    """Their year is over. What they wrote stays for sixty days, and both are told before it goes."""
    year.until("2028-02-10T15:00")
    (form,) = [
        form for form in forms_of(year.life.page("ben", f"/ending/{year.life.pair_id}")) if form.method == "post"
    ]
    year.acts(form.send(year.life.client))
    year.until("2028-06-01T12:00")


STORY = (
    paired,
    signed,
    after_the_kick_off,
    renegotiated,
    an_arc_that_moves,
    one_that_did_not_happen,
    an_arc_that_is_called_off,
    a_pause,
    half_way,
    another_zone,
    autumn,
    the_end,
)
