"""Clauses: what each of the two may say, where they differ, what stands before a signature, what each makes us do."""

import ast
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from service.domain import agreement
from service.domain.agreement import CLAUSES, State, Whose, answers_of
from service.domain.availability import Pledge
from service.domain.errors import InvalidInput
from service.domain.terms import Level, Terms
from service.domain.terms import __file__ as terms_file

MENTEE, MENTOR = answers_of("mentee", {}), answers_of("mentor", {})


def test_two_who_are_fine_with_the_defaults_agree_on_every_clause_at_once():
    terms = agreement.merged(MENTEE, MENTOR)
    assert agreement.differences(MENTEE, MENTOR) == ()
    assert terms == agreement.defaults()
    assert agreement.to_settle(terms) == ()
    assert [agreement.state_of(terms, signatures) for signatures in range(3)] == [
        State.DISCUSSED, State.DISCUSSED, State.SIGNED,
    ]  # fmt: skip
    assert agreement.state_of(None, 0) is State.DRAFT


def test_five_are_asked_and_all_others_have_a_default_that_may_be_kept():
    assert [clause.key for clause in agreement.ASKED] == ["cadence", "scheduler", "notice", "invite", "hope"]
    for clause in CLAUSES.values():
        assert agreement.checked(clause, clause.default) == clause.default, clause.key


def test_only_what_both_answer_can_differ_and_the_rest_stands_side_by_side():
    mentee = answers_of("mentee", {"cadence": "sprint", "hope": "To speak up", "day_word": "yes"})
    mentor = answers_of("mentor", {"cadence": "light", "hope": "To listen", "motive": "I was helped once"})
    assert [(each.clause.key, each.mentee, each.mentor) for each in agreement.differences(mentee, mentor)] == [
        ("cadence", "sprint", "light")
    ]
    terms = agreement.merged(mentee, mentor)
    assert "cadence" not in terms
    assert (terms["hope.mentee"], terms["hope.mentor"]) == ("To speak up", "To listen")
    assert (terms["day_word"], terms["motive"]) == ("yes", "I was helped once")
    assert [clause.key for clause in agreement.to_settle(terms)] == ["cadence"]
    assert agreement.state_of(terms, 2) is State.ANSWERED, "signatures do not settle a difference"


def test_a_conflict_asks_for_words_about_it():
    terms = agreement.merged(MENTEE, answers_of("mentor", {"conflicts": "hiring, line-manager"}))
    assert terms["conflicts"] == "line-manager,hiring"
    assert [clause.key for clause in agreement.to_settle(terms)] == ["handling"]
    assert agreement.to_settle(terms | {"handling": "Somebody else decides about Ana."}) == ()


@pytest.mark.parametrize(
    ("role", "key", "said", "code"),
    [
        ("mentee", "cadence", "daily", "unknown_choice"),
        ("mentee", "motive", "mine", "unknown_clause"),
        ("mentor", "day_word", "yes", "unknown_clause"),
        ("mentee", "salary", "1", "unknown_clause"),
        ("mentor", "conflicts", "selling,rivalry", "unknown_choice"),
        ("mentor", "starts_on", "soon", "bad_day"),
        ("mentee", "hope", "x" * 1001, "too_long"),
    ],
)
def test_what_cannot_be_an_answer_is_refused_with_its_clause(role, key, said, code):
    with pytest.raises(InvalidInput) as refused:
        answers_of(role, {key: said})
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [(key, code)]


def test_each_duty_has_an_owner_on_both_cards():
    terms = agreement.merged(MENTEE, answers_of("mentor", {}))
    one, other = agreement.role_card(terms, "mentee"), agreement.role_card(terms, "mentor")
    assert sorted(one.you + one.they + one.together) == sorted(agreement.DUTIES)
    assert (one.you, one.they, one.together) == (other.they, other.you, other.together)
    assert one.you == ("scheduler", "agenda_owner", "actions", "follow_up")
    assert agreement.role_card(terms | {"scheduler": "mentor"}, "mentor").you == ("scheduler",)


def test_what_changed_is_told_clause_by_clause():
    before = agreement.defaults()
    after = before | {"cadence": "sprint", "hope.mentor": "Listen"}
    assert list(agreement.changed(before, after)) == [
        ("cadence", "steady", "sprint"),
        ("hope.mentor", "", "Listen"),
    ]
    assert {agreement.clause_of(key).key for key in before} == set(CLAUSES)


def test_what_is_signed_makes_the_service_do_it_and_a_persons_own_copy_is_never_laxer():
    usual = Terms()
    assert (usual.gap, usual.scheduler, usual.notice, usual.agenda_lead, usual.pledge, usual.length) == (
        timedelta(weeks=4), "mentee", timedelta(hours=2), timedelta(hours=72), None, None,
    )  # fmt: skip
    assert (usual.months, usual.keep, usual.day_word, usual.says_mentoring, usual.coordinator_reads) == (
        12, timedelta(days=60), False, False, False,
    )  # fmt: skip
    assert usual.extras == agreement.EXTRAS
    asked = {"cadence": "moments", "pledge": "2", "notice": "24h", "length": "45", "months": "open", "extras": "cv"}
    said = Terms(agreement.defaults() | asked)
    assert (said.gap, said.pledge, said.notice) == (None, Pledge(2, timedelta(hours=24)), timedelta(hours=24))
    assert (said.length, said.months, said.extras) == (timedelta(minutes=45), None, ("cv",))
    outline = Terms(agreement.defaults() | {"invite": "outline"})
    assert [outline.level_for(own) for own in (None, "agenda", "sealed")] == [
        Level.OUTLINE, Level.OUTLINE, Level.SEALED,
    ]  # fmt: skip


def test_every_clause_that_acts_is_read_in_one_place_and_no_other_clause_is():
    """Who does what (DUTIES) is read by `role_card`; every other one by one property of Terms, which somebody asks."""
    terms = ast.parse(Path(terms_file).read_text())
    (body,) = [each for each in terms.body if isinstance(each, ast.ClassDef) and each.name == "Terms"]
    readers = {
        each.name: [node.slice.value for node in ast.walk(each) if is_value(node)]
        for each in body.body
        if isinstance(each, ast.FunctionDef)
    }
    read = Counter(key for keys in readers.values() for key in keys)
    acting = {clause.key for clause in CLAUSES.values() if clause.acts}
    assert acting - set(read) == set(agreement.DUTIES) - {"scheduler", "agenda_owner"}
    assert set(read) <= acting
    assert set(read.values()) == {1}
    service = Path(terms_file).parent.parent
    asked = {
        node.attr
        for file in service.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert [name for name, keys in readers.items() if keys and name not in asked] == [], "it acts, and nobody asks"
    # `terms` is also what a pair keeps: nobody but Terms may know how.
    kept = [file for file in service.rglob("*.py") if re.search(r"\bpair\.terms(\[|\.)", file.read_text())]
    assert kept == []
    assert {clause.key for clause in CLAUSES.values() if clause.whose is Whose.EACH} == {"hope", "off_topics"}


def is_value(node):
    """Whether this is `self.values["..."]`."""
    return (
        isinstance(node, ast.Subscript)
        and ast.unparse(node.value) == "self.values"
        and isinstance(node.slice, ast.Constant)
    )
