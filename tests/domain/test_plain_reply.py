"""What somebody wrote above the quote, in the languages and habits of mail programs; and what is plain in it."""

from __future__ import annotations

from email import message_from_bytes
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from service.domain.plain_reply import Said, own_words, understood

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
        ("Stop me if I talk too long", Said("unsure", "Stop me if I talk too long")),
    ],
)
def test_before_a_meeting(text, said):
    assert understood(text, agenda="open", commitments=False) == said


def test_what_was_asked_for_is_an_answer_in_any_words():
    assert understood("My opening.", agenda="asked", commitments=False) == Said("point", "My opening.")
    assert understood("I have to cancel", agenda="asked", commitments=False).what == "unsure"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("done, read it; the bit about openings helped", Said("done", "read it; the bit about openings helped")),
        ("Done.", Said("done", "")),
        ("Erledigt! Hat geholfen", Said("done", "Hat geholfen")),
        ("stuck: no access to the lab", Said("stuck", "no access to the lab")),
        ("moving, until Friday", Said("moving", "until Friday")),
        ("Let's change it", Said("renegotiated", "it")),
        ("Donella is here", Said("unsure", "Donella is here")),
        ("I am not done", Said("unsure", "I am not done")),
    ],
)
def test_of_what_was_agreed(text, said):
    assert understood(text, agenda="", commitments=True) == said
