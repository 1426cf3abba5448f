"""What somebody wrote above the quote, in the languages and habits of mail programs; and what is plain in it."""

from __future__ import annotations

from datetime import date
from email import message_from_bytes
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from service.domain.plain_reply import About, Said, own_words, understood

QUOTED = "> You meet Ana on Monday.\n> Agenda\n"
PLAIN = {
    "english, Gmail": "On Mon, Feb 1, 2027 at 10:00 AM Greenroom <meet@example.org>\nwrote:\n\n" + QUOTED,
    "german, Apple": "Am 01.02.2027 um 10:00 schrieb Ana über Greenroom <meet@example.org>:\n\n" + QUOTED,
    "french, Gmail": "Le lun. 1 févr. 2027 à 10:00, Greenroom <meet@example.org> a écrit :\n\n" + QUOTED,
    "spanish, Gmail": "El lun, 1 feb 2027 a las 10:00, Greenroom (<meet@example.org>)\nescribió:\n\n" + QUOTED,
    "portuguese, Apple": "Em 1 de fev. de 2027, à(s) 10:00, Greenroom <meet@example.org> escreveu:\n" + QUOTED,
    "italian, Thunderbird": "Il 01/02/27 10:00, Greenroom ha scritto:\n" + QUOTED,
    "dutch, Gmail": "Op ma 1 feb 2027 om 10:00 schreef Greenroom <meet@example.org>:\n\n" + QUOTED,
    "polish, Gmail": "pon., 1 lut 2027 o 10:00 Greenroom <meet@example.org> napisał(a):\n\n" + QUOTED,
    "russian, Gmail": "пн, 1 февр. 2027 г. в 10:00, Greenroom <meet@example.org>:\n\n" + QUOTED,
    "japanese, Gmail": "2027年2月1日(月) 10:00 Greenroom <meet@example.org>:\n\n" + QUOTED,
    "chinese, Apple": "在 2027年2月1日，10:00，Greenroom <meet@example.org> 写道：\n" + QUOTED,
    "swedish, unmarked": "Den mån 1 feb. 2027 kl 10:00 skrev Greenroom <meet@example.org>:\nDu möter Ana.\n",
    "outlook, english": f"{'_' * 32}\nFrom: Greenroom <meet@example.org>\nSent: Monday\n\nYou meet\n",
    "outlook, german": "Von: Greenroom <meet@example.org>\nGesendet: Montag\nAn: Ben\n\nSie treffen\n",
    "outlook, french": "De : Greenroom <meet@example.org>\nEnvoyé : lundi\n\nVous\n",
    "outlook, old": "-----Original Message-----\nFrom: Greenroom\n\nYou meet\n",
    "german, old": "-----Ursprüngliche Nachricht-----\nVon: Greenroom\n",
    "a phone": "Sent from my iPhone\n\n" + QUOTED,
    "a german phone": "Von meinem iPhone gesendet\n\n" + QUOTED,
    "a signature": "-- \nBen Okafor\nProfessor\n",
    "nothing": "",
}
MONDAY = date(2027, 2, 1)
WORDS = "Could we also talk about the Q&A part?"


def mail(text, kind="plain", charset="utf-8"):
    return message_from_bytes(MIMEText(text, kind, charset).as_bytes())


@pytest.mark.parametrize("habit", list(PLAIN))
def test_the_words_above_the_quote(habit):
    assert own_words(mail(f"{WORDS}\n\n{PLAIN[habit]}")) == WORDS
    assert own_words(mail(PLAIN[habit])) == ""


def test_words_that_only_look_like_a_quotation_stay():
    text = "Two things:\n- the opening at 10:00\n- see you: soon"
    assert own_words(mail(text)) == text


HTML = {
    "gmail": f'<div dir="ltr">{WORDS}</div><br><div class="gmail_quote"><div>On Monday wrote</div></div>',
    "outlook": f'<style>p{{x}}</style><p>{WORDS}</p><div id="divRplyFwdMsg">From: x</div><p>old</p>',
    "apple": f"<html><head><title>t</title></head><body>{WORDS}<blockquote>old</blockquote></body></html>",
}


@pytest.mark.parametrize("program", list(HTML))
def test_a_mail_in_html_alone(program):
    assert own_words(mail(HTML[program].replace("&", "&amp;"), "html")) == WORDS


def test_text_goes_before_html_and_other_charsets_are_read():
    both = MIMEMultipart("alternative")
    both.attach(MIMEText(WORDS))
    both.attach(MIMEText("<p>other</p>", "html"))
    assert own_words(message_from_bytes(both.as_bytes())) == WORDS
    assert own_words(mail("Grüße", charset="iso-8859-15")) == "Grüße"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WORDS, Said("point", WORDS)),
        ("Können wir auch über die Fragen sprechen?", Said("point", "Können wir auch über die Fragen sprechen?")),
        ("Please add: slides", Said("point", "Please add: slides")),
        ("Thanks, see you then!", Said("unsure", "Thanks, see you then!")),
        ("Can we move it, and talk about why?", Said("unsure", "Can we move it, and talk about why?")),
        ("We should discuss this. " + "x" * 300, Said("unsure", "We should discuss this. " + "x" * 300)),
        ("Stop!", Said("stop", "")),
        ("UNSUBSCRIBE", Said("stop", "")),
        ("bitte keine Mails mehr.", Said("stop", "")),
        (
            "Done is better than perfect, can we discuss that?",
            Said("unsure", "Done is better than perfect, can we discuss that?"),
        ),
        ("Stop me if I talk too long", Said("unsure", "Stop me if I talk too long")),
    ],
)
def test_before_a_meeting(text, said):
    assert understood(text, About(MONDAY, agenda="open")) == said


def test_what_was_asked_for_is_an_answer_in_any_words():
    assert understood("My opening.", About(MONDAY, agenda="asked")) == Said("point", "My opening.")
    assert understood("I have to cancel", About(MONDAY, agenda="asked")).what == "unsure"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("done, read it; the bit about openings helped", Said("done", "read it; the bit about openings helped")),
        ("Done.", Said("done", "")),
        ("Erledigt! Hat geholfen", Said("done", "Hat geholfen")),
        ("stuck: no access to the lab", Said("stuck", "no access to the lab")),
        ("moving, until Friday", Said("moving", "", date(2027, 2, 5))),
        ("moving, nearly there", Said("moving", "nearly there")),
        ("Let's change it", Said("renegotiated", "it")),
        ("Donella is here", Said("unsure", "Donella is here")),
        ("I am not done", Said("unsure", "I am not done")),
    ],
)
def test_of_what_was_agreed(text, said):
    assert understood(text, About(MONDAY, over=True)) == said


FRIDAY, TENTH = date(2027, 2, 5), date(2027, 3, 10)
MOVES = {
    "en": ("Moving to March 10, the lab is closed", "moving it to Friday: no time", "Moved to 10 March"),
    "de": ("Verschoben auf den 10. März, das Labor ist zu", "verschiebe es auf Freitag", "verschoben auf 10.3."),
    "fr": ("Reporté au 10 mars, le labo est fermé", "je reporte à vendredi", "décalé au 10/03/2027"),
    "es": ("Aplazado al 10 de marzo, el laboratorio", "lo aplazo al viernes", "aplazado hasta el 10/3"),
    "pt": ("Adiado para 10 de março, o laboratório", "adio para sexta-feira", "adiado até o dia 10/3"),
    "it": ("Rimandato al 10 marzo, il laboratorio", "rimando a venerdì", "spostato al 10/3"),
    "nl": ("Verzet naar 10 maart, het lab is dicht", "verschoven naar vrijdag", "uitgesteld tot 10-3-2027"),
    "sv": ("Flyttat till den 10 mars, labbet", "flyttar till fredag", "flyttat till 10/3"),
    "pl": ("Przesunięte na 10 marca, laboratorium", "przesuwam na piątek", "przełożone na 10.03"),
    "ru": ("Перенесено на 10 марта, лаборатория", "переношу на пятницу", "перенесено на 10.03.2027"),
    "ja": ("延期 3月10日に", "延期: 2027年2月5日", "延期 2027-03-10"),
}


@pytest.mark.parametrize("language", list(MOVES))
def test_something_agreed_moves_to_a_day_in_the_writers_language(language):
    found = [understood(text, About(MONDAY, over=True)) for text in MOVES[language]]
    assert [said.what for said in found] == ["moving"] * 3
    assert [said.due_on for said in found] == [TENTH, FRIDAY, TENTH]


@pytest.mark.parametrize(
    "text", ["moved to another lab", "verschoben", "moved to 31 February", "moving to 3 January 2027", "moved by Ben"]
)
def test_no_day_is_no_move(text):
    said = understood(text, About(MONDAY, over=True))
    assert said.due_on is None
    assert said.what == ("moving" if text.startswith("moving") else "unsure")


def test_the_figures_of_a_day_are_the_readers():
    text = "moving to 3/5"
    assert understood(text, About(MONDAY, over=True)).due_on == date(2027, 5, 3)
    assert understood(text, About(MONDAY, over=True, month_first=True)).due_on == date(2027, 3, 5)
    assert understood("moving to Monday", About(MONDAY, over=True)).due_on == date(2027, 2, 8)


NOT_MET = [
    "It did not happen.", "It didn't happen, Ben was ill", "We didn’t meet", "Es hat nicht stattgefunden.",
    "Wir haben uns nicht getroffen", "Ça n'a pas eu lieu", "On ne s’est pas vus.", "No tuvo lugar", "No nos vimos.",
    "Não aconteceu.", "Non ci siamo visti", "Het is niet doorgegaan", "Det blev inte av", "Nie odbyło się.",
    "Мы не встретились",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_MET)
def test_it_did_not_happen(text):
    assert understood(text, About(MONDAY, over=True, asked_what=True)).what == "not_happened"
    assert understood(text, About(MONDAY, agenda="open")).what == "unsure"


@pytest.mark.parametrize(
    ("text", "asked", "lines"),
    [
        ("Read the paper\nBen: write to Kim", True, ("Read the paper", "Ben: write to Kim")),
        ("- Read the paper\n- Write to Kim", False, ("Read the paper", "Write to Kim")),
        ("1. Read the paper\n\n2. Write to Kim", True, ("Read the paper", "Write to Kim")),
        ("Read the paper", False, ()),
        ("Thanks, that was great!", True, ()),
        ("Hallo Ben,\nlies das Paper", True, ()),
        ("What should I write here?", True, ()),
        ("We didn't meet the goals", False, ()),
        ("- x" * 200, True, ()),
    ],
)
def test_what_both_agreed_one_on_each_line(text, asked, lines):
    said = understood(text, About(MONDAY, over=True, asked_what=asked))
    assert (said.what, said.lines) == (("promises", lines) if lines else ("unsure", ()))
