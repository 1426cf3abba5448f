"""What a mail is made of, before it is a letter: its reader, the meeting as it stands, and how a time is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain.interval import Interval


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
class Choice:
    """A time that can be taken by one button; `note` says how long it is kept for the reader, or that it is not."""

    interval: Interval
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """Something that the reader said they would do, and the page where they say how it stands."""

    text: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was prepared for the meeting, and what is still to come; in words."""

    done: tuple[str, ...]
    ahead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """The reader's own, each for one purpose; empty where a mail has no use for it."""

    person: str
    meeting: str = ""
    followup: str = ""
    schedule: str = ""
    proposal: str = ""
    pair: str = ""  # what the two agreed
    primer: str = ""  # the reader's cards
    programme: str = ""  # the page of whoever coordinates
    pulse: str = ""


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
    place: str = ""
    matters: str | None = None  # to the mentee, in their words
    ask: str | None = None
    on_agenda: bool = False  # the mentee has put a point of their own there
    agenda: tuple[Point, ...] = ()
    agreed: tuple[Point, ...] = ()
    still_open: tuple[Point, ...] = ()
    own: tuple[Own, ...] = ()  # of what is open, the reader's
    introductions: tuple[tuple[str, str], ...] = ()  # that the reader said they would write: for what, and the draft
    to_prepare: tuple[Point, ...] = ()  # of the reader's own, what is not done
    card: str = ""  # of the mentor's, in this brief
    primer: str = ""  # how the mentee stands with theirs: read or unread
    ready: Readiness | None = None  # how far the mentee is
    date_kind: str = ""  # of a date that is tomorrow
    date_at: datetime | None = None
    draft: str = ""  # a mail that opens in the reader's own program
    due_on: date | None = None  # by when the reader's are due, where that moved with the meeting
    times: tuple[Interval, ...] = ()
    next_one: Interval | None = None  # that is booked: no times are looked for
    choices: tuple[Choice, ...] = ()
    ways: tuple[tuple[str, str], ...] = ()  # what is gentler than the same again: in words, and its page
    reason: str | None = None
    acted: str = "nobody"  # me, other or nobody
    changed: bool = False  # the entry is in their calendar already
    confirmed: bool = False  # the mentee has looked over the list
    nth: int = 0
    most: int = 0
    fault: str = ""
    pairs: tuple[tuple[str, str], ...] = ()  # for the links mail: first name of the other, and the link
    entry: str = "mail"  # what puts it in the reader's calendar: this mail, their own calendar, or the other's
    dropped: bool = False
    answerable: bool = False  # an answer to the mail goes to the other person
    time_urls: tuple[str, ...] = ()  # where each of `times` is taken
    met: bool = False  # the two have met before
    turn: str = ""  # what there is to do about the agreement: answer, compare, changed or sign
    version: int = 0  # of the agreement
    sha256: str = ""
    goes_at: datetime | None = None  # when what an ended pair said is taken away
    keeps_notes: bool = False  # and what the reader wrote for themselves is not
    unsure: str = ""  # what the reader wrote to us and we did not understand, or a forwarded date, in words
    went_by: str = ""  # that times which the reader proposed were not taken, in words
    read_here: str = ""  # what an answer that we read is taken for: agenda or agreed

    @property
    def role(self) -> str:
        return "mentee" if self.mentee else "mentor"

    def with_whom(self) -> Who:
        if self.other is None:
            raise ValueError("a mail about a meeting has another person")
        return self.other

    def when(self) -> Interval:
        if self.interval is None:
            raise ValueError("a mail about a meeting has a time")
        return self.interval


def time_line(words: Words, interval: Interval, me: Who, other: Who | None) -> str:
    """The one way in which a time is written: the reader's day and clock with the place, then the other's clock."""
    mine = (
        f"{words.day(interval.start, me.zone)}, {words.time(interval.start, me.zone)}–"
        f"{words.time(interval.end, me.zone)}"
    )
    told = words("time.mine", when=mine, place=words.place_of(me.zone))
    if other is None or other.zone == me.zone:
        return told
    same_day = interval.start.astimezone(other.zone).date() == interval.start.astimezone(me.zone).date()
    theirs = words.time(interval.start, other.zone) if same_day else words.moment(interval.start, other.zone)
    return words("time.both", mine=told, theirs=theirs, other=other.first, place=words.place_of(other.zone))
