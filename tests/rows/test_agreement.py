"""Rows of the agreement: answered alone, talked about where two differ, signed by both, changed by both."""

from __future__ import annotations

import hashlib
import re

from service.domain.agreement import CLAUSES, DUTIES
from service.store.tables import Base
from tests.rows.life import plain
from tests.web.walk import forms_of, text_of

WHO = {"ana": "mentee", "ben": "mentor"}


def card_of(life, who):
    """What the role card says: whose -> duties in words."""
    found = re.search(r'<h2>Who does what</h2>.*?<dl class="standing">(.*?)</dl>', life.agreement(who).text, re.S)[1]
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", found, re.S)
    return {whose: [duty.strip() for duty in duties.split(", ")] for whose, duties in pairs}


def test_e1_both_cards_name_an_owner_for_each_duty(life):
    life.sign_up()
    cards = {who: card_of(life, who) for who in WHO}
    named = {who: sorted(duty for duties in card.values() for duty in duties) for who, card in cards.items()}
    assert named["ana"] == named["ben"]
    assert len(named["ana"]) == len(DUTIES) == 5
    assert cards["ana"]["You"] == cards["ben"]["Ana"]
    assert "Finding the times" in cards["ana"]["You"]
    assert cards["ana"]["Together"] == cards["ben"]["Together"] == ["Taking notes"]
    life.act("ben", "change", scheduler="mentor", notes="mentee")
    for who in WHO:
        life.act(who, "sign")
    assert "Finding the times" in card_of(life, "ben")["You"]
    assert "Taking notes" in card_of(life, "ana")["You"]
    home = life.text("ben")
    assert "You Finding the times" in home, "and so it stands on their own page"


def test_e7_each_answers_alone_and_what_differs_cannot_be_signed_over(life):
    life.act("ana", "answer", cadence="sprint", hope="ANAS-HOPE", notice="24h")
    seen = life.agreement("ben").text
    assert "ANAS-HOPE" not in seen
    assert 'value="sprint" checked' not in seen
    assert "Ana has answered" in seen
    life.act("ben", "answer", cadence="light", hope="BENS-HOPE", notice="24h")
    for who in WHO:
        page = life.agreement(who)
        text = text_of(page)
        assert "Here you differ" in text
        assert "ANAS-HOPE" in text
        assert "BENS-HOPE" in text
        assert re.search(r"Ana Every two weeks\s+Ben Every six to eight weeks", text)
        assert [name for name, _ in differing(page)] == ["clause.cadence"]
        assert all(form.fields.get("action") != "sign" for form in forms_of(page))
    forced = life.client.post(
        f"/p/{life.tokens['ana']}/agreement/{life.pair_id}", data={"action": "sign", "seen": "0" * 64}
    )
    assert (forced.status_code, "still a line to settle" in text_of(forced)) == (409, True)
    assert life.act("ben", "change", cadence="sprint").status_code == 303
    assert "Sign version 1" in life.agreement("ana").text


def differing(page):
    """The fields of the forms that settle one clause each."""
    return [
        field
        for form in forms_of(page)
        if form.fields.get("action") == "change" and sum(name.startswith("clause.") for name in form.fields) == 1
        for field in form.fields.items()
        if field[0].startswith("clause.")
    ]


def test_e37_a_conflict_of_interest_needs_words_before_anybody_signs(life):
    life.act("ana", "answer")
    life.act("ben", "answer", motive="Somebody did this for me", conflicts="hiring")
    page = text_of(life.agreement("ana"))
    assert "I may decide about a job of theirs" in page
    assert "Somebody did this for me" in page
    assert "Write down together" in page
    assert "Sign version" not in page
    life.act("ana", "change", handling="Kim decides about me.")
    assert "Sign version 1" in life.agreement("ben").text
    life.act("ben", "change", handling="")
    assert "Sign version" not in life.agreement("ben").text


def test_e38_nothing_here_rates_sells_or_ranks_and_the_agreement_says_so(life):
    columns = {column.name for table in Base.metadata.tables.values() for column in table.columns}
    words = {part for name in columns for part in name.split("_")}
    assert not words & {"price", "fee", "payment", "tip", "rating", "stars", "rank", "points", "score", "badge"}
    life.sign_up()
    signed = life.page("ana", f"/agreement/{life.pair_id}/1.md").text
    assert "**No personal gain:** Neither of us sells the other anything" in signed


def test_e43_both_sign_versions_that_stay_to_the_letter(life):
    life.sign_up(hope="“I don’t know yet”\n## Signed\n- Eve")
    first = life.page("ben", f"/agreement/{life.pair_id}/1.md").data
    said = hashlib.sha256(first).hexdigest()
    assert said in life.agreement("ana").text
    assert first.count(b"\n## Signed") == 1, "what somebody typed is quoted"
    assert b"  > ## Signed" in first
    assert b"Ana Lima, 2027-02-01 09:00 UTC" in first
    life.services.clock.advance(days=3)
    assert life.act("ana", "change", cadence="sprint").status_code == 303
    asked = text_of(life.agreement("ben"))
    assert "How often we meet: from “About once a month” to “Every two weeks”" in asked
    life.act("ana", "sign")
    assert life.page("ana", f"/agreement/{life.pair_id}/2.md").status_code == 404, "until both have signed"
    assert "“About once a month”" in text_of(life.agreement("ben"))
    life.act("ben", "sign")
    second = life.page("ana", f"/agreement/{life.pair_id}/2.md").data
    assert b"Every two weeks" in second
    assert life.page("ana", f"/agreement/{life.pair_id}/1.md").data == first
    assert b"Every two weeks" not in first


def test_e43_the_copy_is_mailed_to_both_as_markdown_and_as_pdf(life):
    life.sign_up(hope="Łukasz, Καλή, Жанна 日本")
    turns = [(mail["To"].addresses[0].username, mail["Subject"]) for mail in life.mails()]
    assert (
        turns.count(("ben", "Your signed copy, version 1")) == turns.count(("ana", "Your signed copy, version 1")) == 1
    )
    kept = life.page("ana", f"/agreement/{life.pair_id}/1.md").data
    printed = life.page("ben", f"/agreement/{life.pair_id}/1.pdf").data
    life.services.clock.advance(days=40)
    for who in WHO:
        life.act(who, "change", cadence="sprint" if who == "ana" else "light")
    for who in WHO:
        life.act(who, "sign")
    copies = [mail for mail in life.mails() if mail["Subject"] == "Your signed copy, version 2"]
    assert {mail["To"].addresses[0].username for mail in copies} == set(WHO)
    for mail in copies:
        files = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}
        assert set(files) == {"agreement-v2.md", "agreement-v2.pdf"}
        assert files["agreement-v2.md"] == life.page("ana", f"/agreement/{life.pair_id}/2.md").data
        assert hashlib.sha256(files["agreement-v2.md"]).hexdigest() in plain(mail)
        assert files["agreement-v2.pdf"].startswith(b"%PDF-")
    assert life.page("ana", f"/agreement/{life.pair_id}/1.md").data == kept
    assert life.page("ana", f"/agreement/{life.pair_id}/1.pdf").data == printed


def test_e43_two_who_sign_at_once_and_a_clause_that_changes_meanwhile(life):
    life.act("ana", "answer")
    life.act("ben", "answer")
    seen = {who: life.agreement(who) for who in WHO}
    for who in WHO:
        assert life.send(seen[who], {"action": "sign"}).status_code == 303
        assert life.send(seen[who], {"action": "sign"}).status_code == 303, "and once more from another window"
    assert "Signed by both of you" in life.agreement("ana").text
    life.act("ana", "change", cadence="sprint")
    old = life.agreement("ben")
    life.act("ana", "change", cadence="light")
    refused = life.send(old, {"action": "sign"})
    assert refused.status_code == 409
    assert "changed since you saw them" in text_of(refused)
    assert "to “Every six to eight weeks”" in text_of(refused), "as they stand now"
    life.act("ben", "sign")
    life.act("ana", "change", cadence="sprint")
    assert "Ben has signed this" not in life.agreement("ana").text, "a change asks both anew"
    life.act("ben", "withdraw")
    assert "Version 1. Signed by both of you" in text_of(life.agreement("ana"))


def test_five_questions_and_everything_else_has_a_start(life):
    html = life.agreement("ana").text
    before = html.partition("<details")[0]
    assert [before.count(f'name="clause.{clause.key}"') > 0 for clause in CLAUSES.values() if clause.asked] == [
        True
    ] * 5
    assert html.count(">Fine with me<") == 1
    mine = {clause.key for clause in CLAUSES.values() if clause.is_answered_by("mentee")}
    assert mine == set(re.findall(r'name="clause\.(\w+)"', html))
    assert life.act("ana", "answer", reply_time="soon").status_code == 422
    refused = life.act("ana", "answer", hope="KEPT", reply_time="soon")
    assert "KEPT" in refused.text
    assert life.page("ana", "/agreement/999").status_code == 404
