"""Every mail that we can send, one function each: from what is so at this moment to a letter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.messages import pair_letters
from service.messages.agreed_parts import card, introductions, own, primer, readiness
from service.messages.letter import Block, Button, Letter, Offers, Opens, Quotes, Says, When
from service.messages.parts import choices, letter, list_of, new_times
from service.messages.view import View, time_line


def invitation(view: View) -> Letter:
    """Booked, or changed; with the agenda, and a way out for programs without buttons."""
    words, other = view.words, view.with_whom()
    said = "mail.invitation.changed" if view.changed else "mail.invitation.booked"
    blocks: list[Block] = [
        Opens(words(f"{said}.{view.acted}", other=other.first, session=words(f"session.{view.session}"))),
        *_when_and_where(view),
        *_reason(view),
    ]
    if view.ask and not view.mentee:
        blocks.append(Quotes(view.ask, words("mail.ask.of", other=other.first)))
    blocks += [*_agenda(view), *primer(view), Says(words(f"mail.invitation.by.{view.entry}", other=other.first))]
    if view.due_on:
        blocks.append(Says(words("mail.commitments.moved", day=words.day(view.due_on))))
    subject = invitation_subject(words, view.when().start, view.me.zone, changed=view.changed)
    asides = (Button(words("mail.invitation.not_for_me"), view.links.meeting + "#decline"),)
    return letter(view, subject, blocks, Button(words("mail.meeting_page"), view.links.meeting), asides)


def invitation_subject(words: Words, start: datetime, zone: ZoneInfo, *, changed: bool) -> str:
    return words("subject.changed" if changed else "subject.invitation", moment=words.moment(start, zone))


def cancellation(view: View) -> Letter:
    words, other = view.words, view.with_whom()
    blocks: list[Block] = [
        Opens(words(f"mail.cancellation.{view.acted}", other=other.first)),
        _when(view),
        *_reason(view),
        Says(words("mail.cancellation.gone" if view.entry == "mail" else "mail.cancellation.gone_by_itself")),
        *new_times(view),
        *_answer(view),
    ]
    return letter(view, _off_subject(view), blocks, *_ways_on(view))


def declined(view: View) -> Letter:
    """Somebody cannot come: not booked any more, and a button for each of three other times. The second time something
    smaller or later instead, and no list of the same again."""
    words, other = view.words, view.with_whom()
    blocks: list[Block] = [Opens(words(f"mail.declined.{view.acted}", other=other.first)), _when(view)]
    if view.ways:
        blocks += [
            Says(words("mail.declined.twice")),
            Offers(words("mail.declined.ways"), tuple((Button(text, url), "") for text, url in view.ways)),
            Says(words("mail.way.writing", other=other.first)),
        ]
    else:
        blocks += [Says(words(f"mail.declined.{view.acted}.then", other=other.first)), *new_times(view)]
        blocks += _answer(view)
    return letter(view, _off_subject(view), blocks, *_ways_on(view))


def agenda_ask(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [
        Opens(words("mail.ask.opening", other=view.with_whom().first)),
        Says(words("mail.ask.how")),
        *_when_and_where(view),
        *own(view),
        *_still_open(view),
    ]
    if view.to_prepare:
        blocks.append(list_of(words("mail.prepare.before"), view.to_prepare))
    asides = (Button(words("mail.prepare.not_ready"), view.links.meeting + "#ready"),)
    return letter(view, _about(view), blocks, Button(words("mail.ask.button"), view.links.meeting + "#ask"), asides)


def reminder(view: View) -> Letter:
    words = view.words
    day = words.weekday(view.when().start, view.me.zone)
    blocks: list[Block] = [
        Opens(words("mail.reminder.opening", other=view.with_whom().first, day=day)),
        *_when_and_where(view),
        *_agenda(view),
        *primer(view),
    ]
    return letter(view, _about(view), blocks, Button(words("mail.meeting_page"), view.links.meeting))


def brief(view: View) -> Letter:
    """Five things for the mentor: the mentee's own words, what is open, when and where, the agenda, one question."""
    words, other = view.words, view.with_whom()
    question = words(f"question.{view.session}")
    blocks: list[Block] = [
        *([Quotes(view.matters, words("mail.brief.matters", other=other.first))] if view.matters else []),
        Quotes(view.ask, words("mail.ask.of", other=other.first))
        if view.ask
        else Opens(words("mail.brief.on_agenda" if view.on_agenda else "mail.brief.no_ask", other=other.first)),
        *readiness(view),
        *_still_open(view),
        *own(view),
        *_when_and_where(view),
        *_agenda(view),
        Says(words("mail.brief.question", question=question)),
        *card(view),
        *_answer(view),
    ]
    asides = (Button(words("mail.brief.no_tips"), view.links.person + "#mails"),)
    return letter(view, _about(view), blocks, Button(words("mail.meeting_page"), view.links.meeting), asides)


def followup(view: View) -> Letter:
    """An hour after the end, to the mentee: is this right? One click; the rest on the page."""
    words = view.words
    key = "mail.followup.right" if view.agreed else "mail.followup.empty"
    blocks: list[Block] = [Opens(words(f"{key}.opening", other=view.with_whom().first)), _about_when(view)]
    if view.agreed:
        blocks.append(list_of(words("mail.agreed"), view.agreed))
    blocks += [Says(words("mail.followup.reflect")), *new_times(view, "mail.next_times"), *_answer(view)]
    asides = [Button(words("mail.didnt_happen"), view.links.followup + "#not")]
    if view.links.schedule:
        asides.append(Button(words("mail.next.button"), view.links.schedule))
    return letter(view, _list_subject(view), blocks, Button(words(f"{key}.button"), view.links.followup), tuple(asides))


def shared_list(view: View) -> Letter:
    """The next morning, to the mentor: what was agreed, and times for the next meeting."""
    words, other = view.words, view.with_whom()
    blocks: list[Block] = [
        Opens(words("mail.list.confirmed" if view.confirmed else "mail.list.as_noted", other=other.first)),
        _about_when(view),
        list_of(words("mail.agreed"), view.agreed),
        *introductions(view),
        *new_times(view, "mail.next_times"),
        *_answer(view),
    ]
    button = Button(words("mail.next.button"), view.links.schedule) if view.links.schedule else None
    return letter(view, _list_subject(view), blocks, button, (Button(words("mail.meeting_page"), view.links.meeting),))


def not_happened(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [
        Opens(words("mail.not_happened", other=view.with_whom().first)),
        _when(view),
        Says(words("mail.not_happened.then")),
        *new_times(view),
        *_answer(view),
    ]
    return letter(view, _about(view), blocks, *_ways_on(view))


def date_moved(view: View) -> Letter:
    """To the mentee, once: the date moved or is off, and one meeting of its arc stands, or several."""
    words, other = view.words, view.with_whom().first
    key = "mail.date_dropped" if view.dropped else "mail.date_moved"
    if view.choices:
        blocks: list[Block] = [Opens(words(f"{key}.several", other=other)), choices(view, "mail.date_moved.arc")]
        return letter(view, _about(view), blocks)
    blocks = [Opens(words(key, other=other)), _when(view), Says(words(f"{key}.then")), *new_times(view)]
    return letter(view, _about(view), blocks, Button(words("mail.date_moved.button"), view.links.meeting + "#move"))


def proposed(view: View) -> Letter:
    """To the other of the two: a button for each time that is offered; each leads to a page that asks once more."""
    words, other, n = view.words, view.with_whom().first, len(view.choices)
    opening = words("mail.proposed.move", other=other) if view.interval else words("mail.proposed", n=n, other=other)
    blocks: list[Block] = [Opens(opening)]
    if view.interval:
        blocks.append(_about_when(view))
    else:
        blocks.append(Says(words("mail.proposed.what", session=words(f"session.{view.session}"))))
    blocks += [choices(view, "mail.proposed.times"), Says(words("mail.proposed.then"))]
    subject = _about(view) if view.interval else words("subject.proposed", n=n)
    return letter(view, subject, blocks, None, (Button(words("mail.proposed.none", n=n), view.links.proposal),))


def own_links(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [Opens(words("mail.links.opening")), Says(words("mail.links.care"))]
    asides = tuple(Button(words("mail.links.schedule", other=first), url) for first, url in view.pairs)
    if view.links.programme:
        asides = (*asides, Button(words("mail.links.programme"), view.links.programme))
    return letter(view, words("subject.links"), blocks, Button(words("mail.links.button"), view.links.person), asides)


def calendar_broken(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [
        Opens(words("mail.calendar_broken.opening")),
        Says(words("mail.calendar_broken.trouble")),
        Says(view.fault),
        Says(words("mail.calendar_broken.off")),
    ]
    url = view.links.person + "#calendars"
    return letter(view, words("subject.calendar"), blocks, Button(words("mail.calendar_broken.button"), url))


def asked_for_help(view: View) -> Letter:
    """To whoever coordinates: that somebody asked. Who, and what, stands on their page alone."""
    words = view.words
    blocks: list[Block] = [Opens(words("mail.help.opening")), Says(words("mail.help.sealed"))]
    return letter(view, words("subject.help"), blocks, Button(words("mail.help.button"), view.links.programme))


LETTERS: dict[str, Callable[[View], Letter]] = {
    "invitation": invitation,
    "cancellation": cancellation,
    "declined": declined,
    "agenda-ask": agenda_ask,
    "reminder": reminder,
    "brief": brief,
    "followup": followup,
    "list": shared_list,
    "not-happened": not_happened,
    "date-moved": date_moved,
    "proposed": proposed,
    "links": own_links,
    "welcome": pair_letters.welcome,
    "calendar-broken": calendar_broken,
    "help": asked_for_help,
    "book-nudge": pair_letters.book_nudge,
    "agreement-turn": pair_letters.agreement_turn,
    "day-word": pair_letters.day_word,
    "action-nudge": pair_letters.action_nudge,
    "agreement": pair_letters.agreement_signed,
    "midpoint": pair_letters.midpoint,
    "closure": pair_letters.closure,
    "purge-14": pair_letters.purge,
}


def _when(view: View) -> When:
    return When(time_line(view.words, view.when(), view.me, view.other))


def _about_when(view: View) -> When:
    return When(view.words("mail.about", when=time_line(view.words, view.when(), view.me, view.other)))


def _when_and_where(view: View) -> list[Block]:
    words = view.words
    return [_when(view), Says(words("mail.place", place=view.place))]


def _reason(view: View) -> list[Block]:
    if not view.reason or view.acted == "nobody":
        return []
    return [Quotes(view.reason, view.words(f"mail.reason.{view.acted}", other=view.with_whom().first))]


def _agenda(view: View) -> list[Block]:
    return [list_of(view.words("mail.agenda"), view.agenda)] if view.agenda else []


def _still_open(view: View) -> list[Block]:
    return [list_of(view.words("mail.still_open"), view.still_open)] if view.still_open else []


def _answer(view: View) -> list[Block]:
    """Who reads an answer to this mail, where it is the other person; else what we take it for."""
    if view.read_here:
        return [Says(view.words(f"mail.reply_read.{view.read_here}"))]
    return [Says(view.words("mail.reply_goes_to", other=view.with_whom().first))] if view.answerable else []


def _ways_on(view: View) -> tuple[Button | None, tuple[Button, ...]]:
    """The button to other times, small beside buttons for times."""
    if not view.links.schedule:
        return None, ()
    other_times = Button(view.words("mail.choose"), view.links.schedule)
    return (None, (other_times,)) if view.choices or view.ways else (other_times, ())


def _about(view: View) -> str:
    start = view.when().start
    day, at = view.words.weekday(start, view.me.zone), view.words.time(start, view.me.zone)
    return view.words("subject.about", day=day, time=at)


def _off_subject(view: View) -> str:
    return view.words("subject.cancelled", moment=view.words.moment(view.when().start, view.me.zone))


def _list_subject(view: View) -> str:
    return view.words("subject.list", day=view.words.weekday(view.when().start, view.me.zone))
