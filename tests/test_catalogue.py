"""Dates in the words of every locale that somebody may choose."""

from datetime import date

import pytest
from babel.localedata import locale_identifiers

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
