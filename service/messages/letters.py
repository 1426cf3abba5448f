"""Every mail that we can send, one function each: from what is so at this moment to a letter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain.interval import Interval
from service.messages.letter import Block, Button, Letter, Lists, Quotes, Says


@dataclass(frozen=True, slots=True)
class Who:
    first: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the agenda, or something agreed; `note` is its minutes, or its owner and date, in words."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """The reader's own, each for one purpose; empty where a mail has no use for it."""

    person: str
    meeting: str = ""
    followup: str = ""
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What a mail is made of. `me` is its reader. Nothing in it may be what the reader may not see: the private label
    of a date is not even here. `times` are starts that both could take now; `nth` counts the mails that nobody asked
    for, of at most `most`."""

    words: Words
    me: Who
    programme: str
    contact: str
    links: Links
    first_mail: bool = False
    other: Who | None = None
    mentee: bool = True  # the reader is the mentee
    interval: Interval | None = None
    session: str = ""
    place: str | None = None
    ask: str | None = None
    agenda: tuple[Point, ...] = ()
    agreed: tuple[Point, ...] = ()
    still_open: tuple[Point, ...] = ()
    times: tuple[Interval, ...] = ()
    reason: str | None = None
    acted: str = "nobody"  # me, other or nobody
    changed: bool = False  # the entry is in their calendar already
    confirmed: bool = False  # the mentee has looked over the list
    nth: int = 0
    most: int = 0
    fault: str = ""
    pairs: tuple[tuple[str, str], ...] = ()  # for the links mail: first name of the other, and the link
    dropped: bool = False


def invitation(view: View) -> Letter:
    """Booked, or changed; with the agenda, and a way out for programs without buttons."""
    words, other = view.words, _other(view)
    said = "mail.invitation.changed" if view.changed else "mail.invitation.booked"
    blocks: list[Block] = [
        Says(words(f"{said}.{view.acted}", other=other.first, session=words(f"session.{view.session}")))
    ]
    blocks += _when_and_where(view)
    if view.reason and view.acted != "nobody":
        blocks.append(Quotes(view.reason, words(f"mail.reason.{view.acted}", other=other.first)))
    if view.ask and not view.mentee:
        blocks.append(Quotes(view.ask, words("mail.ask.of", other=other.first)))
    if view.agenda:
        blocks.append(_points(words("mail.agenda"), view.agenda))
    blocks.append(Says(words("mail.invitation.buttons")))
    moment = words.moment(_interval(view).start, view.me.zone)
    subject = words("subject.changed" if view.changed else "subject.invitation", moment=moment)
    asides = (Button(words("mail.invitation.not_for_me"), view.links.meeting + "#decline"),)
    return _letter(view, subject, blocks, Button(words("mail.meeting_page"), view.links.meeting), asides)


def cancellation(view: View) -> Letter:
    words, other = view.words, _other(view)
    blocks: list[Block] = [Says(words(f"mail.cancellation.{view.acted}", other=other.first, moment=_moment(view)))]
    if view.reason and view.acted != "nobody":
        blocks.append(Quotes(view.reason, words(f"mail.reason.{view.acted}", other=other.first)))
    blocks += _new_times(view)
    return _letter(view, words("subject.cancelled", moment=_moment(view)), blocks, _choose(view))


def declined(view: View) -> Letter:
    """Somebody cannot come: not booked any more, and a way to another time."""
    words, other = view.words, _other(view)
    blocks: list[Block] = [Says(words(f"mail.declined.{view.acted}", other=other.first, moment=_moment(view)))]
    blocks += _new_times(view)
    return _letter(view, words("subject.cancelled", moment=_moment(view)), blocks, _choose(view))


def agenda_ask(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [Says(words("mail.ask.opening", other=_other(view).first)), Says(words("mail.ask.how"))]
    blocks += _when_and_where(view)
    if view.still_open:
        blocks.append(_points(words("mail.still_open"), view.still_open))
    return _letter(view, _about(view), blocks, Button(words("mail.ask.button"), view.links.meeting + "#ask"))


def reminder(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [Says(words("mail.reminder.opening", other=_other(view).first, moment=_moment(view)))]
    blocks += _when_and_where(view)
    if view.agenda:
        blocks.append(_points(words("mail.agenda"), view.agenda))
    return _letter(view, _about(view), blocks, Button(words("mail.meeting_page"), view.links.meeting))


def brief(view: View) -> Letter:
    """Five lines for the mentor: the mentee's own words, what is open, when, the agenda, one question."""
    words, other = view.words, _other(view)
    opening: Block = (
        Quotes(view.ask, words("mail.brief.ask", other=other.first))
        if view.ask
        else Says(words("mail.brief.no_ask", other=other.first))
    )
    blocks: list[Block] = [Says(words("mail.brief.opening", other=other.first, moment=_moment(view))), opening]
    if view.still_open:
        blocks.append(_points(words("mail.still_open"), view.still_open))
    blocks += _when_and_where(view)
    if view.agenda:
        blocks.append(_points(words("mail.agenda"), view.agenda))
    blocks.append(Says(words("mail.brief.question", question=words(f"question.{view.session}"))))
    blocks.append(Says(words("mail.reply_goes_to", other=other.first)))
    asides = (Button(words("mail.brief.no_tips"), view.links.person),)
    return _letter(view, _about(view), blocks, Button(words("mail.meeting_page"), view.links.meeting), asides)


def followup(view: View) -> Letter:
    """An hour after the end, to the mentee: is this right? One click; the rest on the page."""
    words, other = view.words, _other(view)
    key = "mail.followup.right" if view.agreed else "mail.followup.empty"
    blocks: list[Block] = [Says(words(f"{key}.opening", other=other.first))]
    if view.agreed:
        blocks.append(_points(words("mail.agreed"), view.agreed))
    blocks.append(Says(words("mail.followup.reflect")))
    blocks += _new_times(view, "mail.next_times")
    asides = [Button(words("mail.didnt_happen"), view.links.followup + "#not")]
    if view.links.schedule:
        asides.append(Button(words("mail.next.button"), view.links.schedule))
    return _letter(
        view, _list_subject(view), blocks, Button(words(f"{key}.button"), view.links.followup), tuple(asides)
    )


def shared_list(view: View) -> Letter:
    """The next morning, to the mentor: what was agreed, and times for the next meeting."""
    words, other = view.words, _other(view)
    opening = "mail.list.confirmed" if view.confirmed else "mail.list.as_noted"
    blocks: list[Block] = [
        Says(words(opening, other=other.first)),
        _points(words("mail.agreed"), view.agreed),
        *_new_times(view, "mail.next_times"),
        Says(words("mail.reply_goes_to", other=other.first)),
    ]
    button = Button(words("mail.next.button"), view.links.schedule) if view.times else None
    return _letter(view, _list_subject(view), blocks, button, (Button(words("mail.meeting_page"), view.links.meeting),))


def not_happened(view: View) -> Letter:
    words, other = view.words, _other(view)
    blocks: list[Block] = [Says(words("mail.not_happened", other=other.first, moment=_moment(view)))]
    blocks += _new_times(view)
    return _letter(view, _about(view), blocks, _choose(view))


def date_moved(view: View) -> Letter:
    """To the mentee, once: the date moved or is off, and a meeting of its arc stands."""
    words, other = view.words, _other(view)
    key = "mail.date_dropped" if view.dropped else "mail.date_moved"
    blocks: list[Block] = [Says(words(key, other=other.first, moment=_moment(view)))]
    blocks += _new_times(view)
    return _letter(view, _about(view), blocks, Button(words("mail.date_moved.button"), view.links.meeting + "#move"))


def own_links(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [Says(words("mail.links.opening"))]
    asides = tuple(Button(words("mail.links.schedule", other=first), url) for first, url in view.pairs)
    return _letter(view, words("subject.links"), blocks, Button(words("mail.links.button"), view.links.person), asides)


def welcome(view: View) -> Letter:
    words, other = view.words, _other(view)
    role = "mentee" if view.mentee else "mentor"
    blocks: list[Block] = [
        Says(words(f"mail.welcome.{role}", other=other.first, programme=view.programme)),
        Says(words("mail.welcome.hours", zone=words.place_of(view.me.zone))),
    ]
    asides: tuple[Button, ...] = ()
    if view.mentee and view.links.schedule:
        asides = (Button(words("mail.welcome.first_time", other=other.first), view.links.schedule),)
    button = Button(words("mail.welcome.button"), view.links.person)
    return _letter(replace(view, first_mail=True), words("subject.welcome"), blocks, button, asides)


def calendar_broken(view: View) -> Letter:
    words = view.words
    blocks: list[Block] = [
        Says(words("mail.calendar_broken.opening")),
        Says(view.fault),
        Says(words("mail.calendar_broken.off")),
    ]
    url = view.links.person + "#calendars"
    return _letter(view, words("subject.calendar"), blocks, Button(words("mail.calendar_broken.button"), url))


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
    "links": own_links,
    "welcome": welcome,
    "calendar-broken": calendar_broken,
}


def time_line(words: Words, interval: Interval, me: Who, other: Who | None) -> str:
    """The one way in which a time is written: the reader's day and clock with the place, then the other's clock."""
    mine = (
        f"{words.day(interval.start, me.zone)}, {words.time(interval.start, me.zone)}–"
        f"{words.time(interval.end, me.zone)}"
    )
    told = words("time.mine", when=mine, place=words.place_of(me.zone))
    if (
        other is None
        or interval.start.astimezone(other.zone).utcoffset() == interval.start.astimezone(me.zone).utcoffset()
    ):
        return told
    same_day = interval.start.astimezone(other.zone).date() == interval.start.astimezone(me.zone).date()
    theirs = words.time(interval.start, other.zone) if same_day else words.moment(interval.start, other.zone)
    return words("time.both", mine=told, theirs=theirs, other=other.first, place=words.place_of(other.zone))


def _when_and_where(view: View) -> list[Block]:
    words = view.words
    place = view.place or words("mail.no_place")
    return [Says(time_line(words, _interval(view), view.me, view.other)), Says(words("mail.place", place=place))]


def _new_times(view: View, title: str = "mail.new_times") -> list[Block]:
    if not view.times:
        return []
    lines = tuple((time_line(view.words, slot, view.me, view.other), "") for slot in view.times)
    return [Lists(view.words(title), lines)]


def _choose(view: View) -> Button | None:
    if not view.links.schedule:
        return None
    return Button(view.words("mail.choose"), view.links.schedule)


def _points(title: str, points: tuple[Point, ...]) -> Lists:
    return Lists(title, tuple((point.text, point.note) for point in points))


def _about(view: View) -> str:
    start = _interval(view).start
    day, at = view.words.weekday(start, view.me.zone), view.words.time(start, view.me.zone)
    return view.words("subject.about", day=day, time=at)


def _list_subject(view: View) -> str:
    return view.words("subject.list", day=view.words.weekday(_interval(view).start, view.me.zone))


def _letter(
    view: View, subject: str, blocks: list[Block], button: Button | None = None, asides: tuple[Button, ...] = ()
) -> Letter:
    words = view.words
    if view.first_mail:
        blocks = [Says(words("mail.first", programme=view.programme)), *blocks]
        asides = (*asides, Button(words("mail.no_thank_you"), view.links.person + "#mails"))
    footer = [words("mail.footer.programme", programme=view.programme, contact=view.contact)]
    if view.nth:
        footer.append(words("mail.footer.count", nth=view.nth, most=view.most))
    footer.append(words("mail.footer.fewer", url=view.links.person + "#mails"))
    return Letter(subject, tuple(blocks), button, asides, tuple(footer))


def _moment(view: View) -> str:
    return view.words.moment(_interval(view).start, view.me.zone)


def _other(view: View) -> Who:
    assert view.other is not None, "a mail about a meeting has another person"
    return view.other


def _interval(view: View) -> Interval:
    assert view.interval is not None, "a mail about a meeting has a time"
    return view.interval
