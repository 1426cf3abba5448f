"""Mails about a pair and no meeting of theirs: hello, a time to be found, an agreement to be looked at, or signed."""

from __future__ import annotations

from dataclasses import replace

from service.messages import agreed_parts
from service.messages.letter import Block, Button, Letter, Opens, Says
from service.messages.parts import letter
from service.messages.view import View, time_line


def welcome(view: View) -> Letter:
    words, other = view.words, view.with_whom()
    blocks: list[Block] = [
        Opens(words("mail.welcome.opening", me=view.me.first)),
        Says(words(f"mail.welcome.{view.role}", other=other.first)),
        Says(words("mail.welcome.hours", zone=words.place_of(view.me.zone))),
        Says(words("mail.welcome.way_out")),
    ]
    asides: tuple[Button, ...] = (Button(words("mail.welcome.agreement"), view.links.pair),)
    if view.mentee and view.links.schedule:
        asides = (Button(words("mail.welcome.first_time", other=other.first), view.links.schedule), *asides)
    if view.primer == "unread":
        asides = (*asides, Button(words("mail.primer.button"), view.links.primer))
    button = Button(words("mail.welcome.button"), view.links.person)
    return letter(replace(view, first_mail=True), words("subject.welcome"), blocks, button, asides)


def book_nudge(view: View) -> Letter:
    """To whom finds the times: nothing is booked, and three times that would do, each a click away."""
    words, other = view.words, view.with_whom()
    blocks: list[Block] = [
        Opens(words(f"mail.nudge.{'again' if view.met else 'first'}", other=other.first)),
        Says(words("mail.nudge.times" if view.times else "mail.nudge.no_times", other=other.first)),
    ]
    times = tuple(
        Button(time_line(words, slot, view.me, other), url)
        for slot, url in zip(view.times, view.time_urls, strict=True)
    )
    asides = (*times, Button(words("mail.nudge.pause"), view.links.person + "#pause"))
    return letter(view, words("subject.nudge"), blocks, Button(words("mail.nudge.button"), view.links.schedule), asides)


def action_nudge(view: View) -> Letter:
    """To whoever has it: what is due tomorrow, and to say honestly how it stands."""
    words = view.words
    blocks: list[Block] = [Opens(words("mail.promise.opening", other=view.with_whom().first)), *agreed_parts.own(view)]
    blocks.append(Says(words("mail.reply_read.agreed" if view.read_here else "mail.promise.fine")))
    return letter(view, words("subject.promise"), blocks, Button(words("mail.promise.button"), view.own[0].url))


def agreement_turn(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [
        Opens(words(f"mail.agreement.{view.turn}", other=view.with_whom().first)),
        Says(words("mail.agreement.private", other=view.with_whom().first)),
    ]
    return letter(
        view, words("subject.agreement_turn"), blocks, Button(words("mail.agreement.button"), view.links.pair)
    )


def agreement_signed(view: View) -> Letter:
    """The copy that each keeps: what is attached is the same to the letter for both, and for ever."""
    words = view.words
    blocks: list[Block] = [
        Opens(words("mail.agreement.signed", other=view.with_whom().first, version=view.version)),
        Says(words("mail.agreement.attached")),
        Says(words("mail.agreement.sha256", sha256=view.sha256)),
    ]
    subject = words("subject.agreement", version=view.version)
    return letter(view, subject, blocks, Button(words("mail.agreement.button"), view.links.pair))


def midpoint(view: View) -> Letter:
    """To each of the two, once: three lines for the other, and a way out."""
    words, other = view.words, view.with_whom().first
    blocks: list[Block] = [
        Opens(words("mail.midpoint.opening", other=other)),
        Says(words("mail.midpoint.lines", other=other)),
        Says(words(f"mail.midpoint.{view.role}")),
    ]
    return letter(view, words("subject.midpoint"), blocks, Button(words("mail.midpoint.button"), view.links.pulse))


def closure(view: View) -> Letter:
    """The pair has ended: until when everything stays, and that it can be taken away before."""
    opening = view.words("mail.closure", other=view.with_whom().first)
    return _goes(view, view.words("subject.closure"), opening)


def purge(view: View) -> Letter:
    """In a while it goes."""
    return _goes(view, view.words("subject.purge"), view.words("mail.purge", other=view.with_whom().first))


def _goes(view: View, subject: str, opening: str) -> Letter:
    words = view.words
    if view.goes_at is None:
        raise ValueError("what goes has a day")
    blocks: list[Block] = [
        Opens(opening),
        Says(words("mail.closure.until", day=words.day(view.goes_at, view.me.zone))),
        Says(words("mail.closure.notes.kept" if view.keeps_notes else "mail.closure.notes")),
    ]
    return letter(view, subject, blocks, Button(words("mail.closure.button"), view.links.person + "#ended"))


def day_word(view: View) -> Letter:
    """To the mentor, one line: what is tomorrow, when there, and their own mail program a click away."""
    words, other = view.words, view.with_whom()
    if view.date_at is None:
        raise ValueError("a word about a date has its time")
    at, place = words.time(view.date_at, other.zone), words.place_of(other.zone)
    blocks: list[Block] = [
        Opens(words(f"mail.word.{view.date_kind}", other=other.first, time=at, place=place)),
        Says(words("mail.word.own_mail")),
    ]
    return letter(view, words("subject.word"), blocks, Button(words("mail.word.button", other=other.first), view.draft))
