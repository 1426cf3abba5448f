"""Rows of learning how: six cards for a mentee before the first meeting, and one for a mentor with each brief."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from service import settings
from service.catalogue import Words
from service.domain.primers import CARDS
from service.web import create_app
from tests.rows.life import at, plain
from tests.web.walk import text_of

WORDS = Words.of("en")
FIRST = at("2027-02-15T15:00+00:00")  # a Monday
JUMP = timedelta(days=40)
SUMMARY = "SECRET-SUMMARY"


def cards_in(text, role):
    return [card for card in CARDS[role] if WORDS(f"card.{role}.{card}.text") in text]


def briefs(life):
    return [plain(mail) for mail in life.mails("ben") if mail["Subject"].startswith("About ")]


def at_programme(life, **environ):
    """A browser at a service that was told these settings."""
    told = settings.load({**environ, "GREENROOM_DATA_DIR": str(life.services.settings.data_dir)})
    courses = {"mentee_courses": told.mentee_courses, "mentor_courses": told.mentor_courses}
    here = replace(life.services, settings=replace(life.services.settings, **courses))
    return create_app(here).test_client()


def test_e40_each_brief_has_a_card_and_none_comes_again_before_all_eight_were_there(life):
    days = [FIRST + timedelta(days=day) for day in range(11) if day % 7 < 5]
    for start in days:
        life.book(start)
    shown = []
    for start in days:
        life.pass_to(start - timedelta(minutes=90), JUMP)
        (brief,) = briefs(life)
        shown += cards_in(brief, "mentor")
    assert len(shown) == len(days) == 9, "one in each"
    assert sorted(shown[:8]) == sorted(CARDS["mentor"])
    assert shown[8] == shown[0], "and then they begin anew"
    assert cards_in(" ".join(plain(mail) for mail in life.mails("ana")), "mentor") == []


def test_e40_no_card_for_whom_it_does_not_help(life):
    assert cards_in(life.text("ben", f"/primer/{life.pair_id}"), "mentor") == list(CARDS["mentor"])
    assert "/primer/" in life.page("ben").text
    put_away = f"/p/{life.tokens['ben']}/primer/{life.pair_id}/put_away"
    assert life.client.post(put_away).status_code == 303
    assert "/primer/" not in life.page("ben").text
    life.book(FIRST)
    life.pass_to(FIRST - timedelta(minutes=90), JUMP)
    (brief,) = briefs(life)
    assert cards_in(brief, "mentor") == []


def test_e40_and_e26_the_programme_adds_its_own_links(life):
    page = {who: f"/p/{life.tokens[who]}/primer/{life.pair_id}" for who in life.tokens}
    assert 'id="courses"' not in life.client.get(page["ben"]).text, "none by itself"
    client = at_programme(
        life,
        GREENROOM_MENTOR_COURSES="Listening well https://learn.example.org/listen; More https://learn.example.org/2",
        GREENROOM_MENTEE_COURSES="Being a mentee https://learn.example.org/mentee",
    )
    listed = {
        who: re.findall(r'<a href="(https://learn[^"]+)"[^>]*>([^<]+)</a>', client.get(page[who]).text) for who in page
    }
    assert listed == {
        "ben": [("https://learn.example.org/listen", "Listening well"), ("https://learn.example.org/2", "More")],
        "ana": [("https://learn.example.org/mentee", "Being a mentee")],
    }
    with pytest.raises(settings.SettingFault, match="GREENROOM_MENTOR_COURSES"):
        at_programme(life, GREENROOM_MENTOR_COURSES="learn.example.org")


@pytest.mark.parametrize("reads", [True, False])
def test_e26_six_cards_are_offered_before_the_kick_off_whose_mails_tell_the_mentee_alone(life, reads):
    life.services.clock.now = at("2027-02-02T15:00+00:00")
    page = life.page("ana", f"/primer/{life.pair_id}")
    assert "Six short cards before you meet Ben" in life.text("ana"), "from the day they are a pair"
    assert cards_in(text_of(page), "mentee") == list(CARDS["mentee"])
    assert len(CARDS["mentee"]) == 6
    if reads:
        assert life.send(page, {"summary": None}, summary=SUMMARY).status_code == 303
        assert SUMMARY in life.page("ana", f"/primer/{life.pair_id}").text
        assert SUMMARY in life.text("ana", f"/notes/{life.pair_id}"), "among her own notes"
        assert "Six short cards" not in life.text("ana")
    life.book(FIRST, "kick-off")
    life.pass_to(FIRST - timedelta(minutes=90), JUMP)
    told = {who: [plain(mail) for mail in life.mails(who)] for who in ("ana", "ben")}
    done, undone = "You have read your cards", "Your cards are still unread"
    kickoff = [text for text in told["ana"] if "kick-off" in text.lower() or done in text or undone in text]
    assert len(kickoff) == 2, "the invitation and the reminder"
    assert all((done in text, undone in text) == (reads, not reads) for text in kickoff)
    everything = " ".join(told["ben"]) + life.page("ben").text + life.page("ben", f"/primer/{life.pair_id}").text
    for word in (done, undone, SUMMARY, "Six short cards"):
        assert word not in everything
    life.services.clock.now = FIRST + timedelta(hours=2)
    assert "Six short cards" not in life.text("ana"), "they have met: from here on they learn from each other"
    theirs = life.client.post(f"/p/{life.tokens['ben']}/primer/{life.pair_id}/read")
    assert theirs.status_code in {403, 404}
