"""Dates in the words of every locale that somebody may choose."""

import io
import re
from datetime import date
from importlib import resources

import pytest
from babel.localedata import locale_identifiers
from babel.messages.pofile import read_po

from service.catalogue import Words

DAY = date(2027, 2, 26)


@pytest.mark.parametrize(
    ("locale", "short", "long"),
    [
        ("en", "Fri 26 Feb", "Friday 26 February"),
        ("en_US", "Fri Feb 26", "Friday February 26"),
        ("de_DE", "Fr. 26. Feb.", "Freitag 26. Februar"),
        ("pt_BR", "sex. 26 de fev.", "sexta-feira 26 de fevereiro"),
        ("ru", "пт 26 февр.", "пятница 26 февраля"),
    ],
)
def test_a_day_is_short_on_a_card_and_in_full_where_it_is_read_aloud(locale: str, short: str, long: str) -> None:
    words = Words.of(locale)
    assert (words.day(DAY), words.day(DAY, long=True)) == (short, long)
    assert "2027" in words.day(DAY, long=True, year=True)


def test_every_locale_has_words_for_a_day() -> None:
    for locale in locale_identifiers():
        assert Words.of(locale).day(DAY)
        assert Words.of(locale).day(DAY, long=True)


TO_OPERATORS = {"api.po", "cli.po", "operator.po", "running.po"}  # machines and addresses may be late, and fail
# A measure of a person, and a reproach, however mild. What is met is no merit, and what is not is no fault.
MEASURES = r"grad(?:e|es|ed|ing)|scor(?:e|es|ed|ing)|streaks?|rat(?:e|es|ed|ing|ings)|rank(?:s|ed|ing|ings)?|stars?"
MEASURES += r"|leaderboards?|badges?|per ?cent|performance|productivity|compliance|achievements?|levels? up"
REPROACHES = (
    r"overdue|late|fail(?:s|ed|ing|ures?)?|missed|forgot(?:ten)?|neglect\w*|guilt\w*|blam\w+|asham\w+|shame|lazy"
)
REPROACHES += r"|excuses?|disappoint\w*|remind(?:s|ed|ers?)?|behind|again and again|(?:should|could|ought to) have"
REPROACHES += r"|supposed to|you still (?:have|had) not|why (?:did|have) you not|why didn't"
UNKIND = re.compile(rf"\b(?:{MEASURES}|{REPROACHES})\b|\d ?%", re.IGNORECASE)
KIND = {
    "without blame",  # of ending
    "No reminder to my mentor",
    "My mentor may be reminded",  # of the mentee's own day, for a kind word
}


def sentences():
    """Every form of every sentence that a mentee, a mentor or a coordinator may read, with its key."""
    folder = resources.files("service").joinpath("catalogues", "en")
    for file in folder.iterdir():
        if file.name.endswith(".po") and file.name not in TO_OPERATORS:
            for message in read_po(io.BytesIO(file.read_bytes())):
                said = message.string if isinstance(message.string, tuple) else (message.string,)
                yield from ((f"{file.name} {message.id}", each) for each in said if message.id)


def unkind(said):
    for phrase in KIND:
        said = said.replace(phrase, "")
    return UNKIND.findall(said)


def test_no_sentence_measures_a_person_or_reproaches_them() -> None:
    told = list(sentences())
    assert len(told) > 1000
    assert {key: unkind(said) for key, said in told if unkind(said)} == {}


@pytest.mark.parametrize(
    "said",
    ["Your score: 5", "A streak of three", "This is overdue", "You failed to answer", "You missed it", "80 % done",
     "You still have not written", "A reminder: you should have done this", "Four stars"],
)  # fmt: skip
def test_what_would_be_unkind_is_found(said: str) -> None:
    assert unkind(said)
