"""A journal in words, as Markdown that is read for itself, and its meetings as a calendar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain import itip
from service.domain.interval import Interval
from service.journal import Journal, JournalAgreement, JournalMeeting, JournalPair, JournalPoint

Lines = Iterator[str]
_ACTS = re.compile(r"[\\\[\]]|<(?=[A-Za-z/!?])")
_LEADS = re.compile(r"^(\s*(?:\d{1,9}(?=[.)]))?)([#>+*=~_`.)-])")


def as_markdown(words: Words, journal: Journal, zone: ZoneInfo, now: datetime) -> str:
    """The whole journal. Times are the zone's; what people typed is quoted, so that it can look like nothing else."""
    desk = _Desk(words, zone)
    lead = desk.say("lead", name=_one_line(journal.name), day=desk.day(now), place=words.place_of(zone))
    lines = [f"# {desk.say('title')}", "", lead, ""]
    for number, pair in enumerate(journal.pairs, 1):
        lines += [f"## {desk.say('with', other=_one_line(pair.other))}", "", *desk.pair(pair, number)]
    if journal.unsure:
        lines += [f"## {desk.say('unsure')}", ""]
        lines += [line for text in journal.unsure for line in _quoted(text)]
    if journal.asked_for_help:
        lines += [f"## {desk.say('asked')}", ""]
        lines += [line for text in journal.asked_for_help for line in _quoted(text)]
    return "\n".join(lines).rstrip() + "\n"


def pair_as_markdown(words: Words, zone: ZoneInfo, pair: JournalPair) -> str:
    return "\n".join(_Desk(words, zone).pair(pair)).rstrip() + "\n"


def as_calendar(words: Words, journal: Journal, now: datetime) -> bytes:
    """Every meeting: first names, when and where, and nothing else, for calendars are seen by others."""
    told = []
    for pair in journal.pairs:
        mine, other = _first(journal.name), _first(pair.other)
        mentee, mentor = (mine, other) if pair.role == "mentee" else (other, mine)
        summary = words("entry.summary", mentee=mentee, mentor=mentor)
        for meeting in pair.meetings:
            if meeting.start < meeting.end:  # a file from elsewhere may say anything
                interval = Interval(meeting.start, meeting.end)
                told.append(itip.Record(meeting.uid, now, interval, summary, meeting.place, _cancelled(meeting)))
    return itip.records(words("diary.title"), told)


def agreement_path(number: int, agreement: JournalAgreement) -> str:
    """Of its document in the file, less the ending; `number` is the pair's, from 1."""
    return f"agreements/{number}/agreement-v{agreement.version}"


def _cancelled(meeting: JournalMeeting) -> bool:
    return meeting.phase == "cancelled"


def _first(name: str) -> str:
    return (name.split() or [name])[0]


def _one_line(text: str) -> str:
    return _plain(" ".join(text.split()))


def _plain(line: str) -> str:
    """As it was typed, to whoever shows it: no tag, no picture or link, no heading, list or rule (CommonMark 0.31.2,
    2.4)."""
    return _LEADS.sub(r"\1\\\2", _ACTS.sub(r"\\\g<0>", line))


def _quoted(text: str | None, title: str | None = None) -> Lines:
    if text:
        yield from (title, "") if title else ()
        yield from (f"> {_plain(line)}".rstrip() for line in text.splitlines())
        yield ""


@dataclass(frozen=True, slots=True)
class _Desk:
    """Says things of a journal in one reader's words and zone."""

    words: Words
    zone: ZoneInfo

    def say(self, key: str, **params: Any) -> str:
        return self.words(f"diary.{key}", **params)

    def coded(self, area: str, code: str) -> str:
        """A code in words; one of another version may be unknown here."""
        return self.words(f"{area}.{code}") if self.words.has(f"{area}.{code}") else code

    def day(self, moment: datetime) -> str:
        return self.words.day(moment, self.zone, long=True, year=True)

    def moment(self, moment: datetime) -> str:
        return self.words.moment(moment, self.zone, year=True)

    def pair(self, pair: JournalPair, number: int | None = None) -> Lines:
        """`number`: of the pair in the file that its agreements are beside."""
        end = self.day(pair.ended_at) if pair.ended_at else None
        yield self.say(f"{pair.role}.ended" if end else pair.role, day=self.day(pair.began_at), end=end)
        yield ""
        yield from _quoted(pair.place, self.say("place"))
        parts: tuple[tuple[str, Callable[[JournalPair], Iterable[str]]], ...] = (
            ("matters", lambda pair: _quoted(pair.what_matters)), ("goals", self.goals), ("dates", self.dates),
            ("meetings", self.meetings), ("commitments", self.commitments), ("notes", self.notes),
            ("questions", self.questions), ("pulses", self.pulses), ("suggestions", self.suggestions),
            ("parked", lambda pair: [*map(self.point, pair.parked)]), ("proposed", self.offers),
            ("agreements", lambda pair: self.agreements(pair, number)), ("looked", self.looks),
        )  # fmt: skip
        for title, part in parts:
            text = "\n".join(part(pair)).rstrip()
            if text:
                yield from (f"### {self.say(title)}", "", text, "")

    def goals(self, pair: JournalPair) -> Lines:
        for goal in pair.goals:
            told = [self.coded("page.goals.state", goal.state)]
            if goal.target_on:
                told.append(self.words("page.goals.until", day=self.words.day(goal.target_on, year=True)))
            told.append(self.say("shared" if goal.shared else "private"))
            yield from _quoted(goal.text, f"**{' · '.join(told)}**")
            yield from _quoted(goal.worked_when, self.words("page.goals.worked_when"))

    def dates(self, pair: JournalPair) -> Lines:
        for date in sorted(pair.dates, key=lambda each: each.at):
            dropped = f" ({self.say('dropped')})" if date.dropped else ""
            yield f"**{self.moment(date.at)}: {self.coded('kind', date.kind)}**{dropped}"
            yield ""
            yield from _quoted(date.label, self.say("label"))
            yield from _quoted(date.shared_label, self.say("shared_label"))

    def meetings(self, pair: JournalPair) -> Lines:
        for meeting in sorted(pair.meetings, key=lambda each: each.start):
            yield f"#### {self.moment(meeting.start)}: {self.coded('session', meeting.session)}"
            yield ""
            if _cancelled(meeting) or meeting.happened is False:
                yield self.say("cancelled" if _cancelled(meeting) else "not_happened")
                yield ""
            yield from _quoted(meeting.reason, self.say("reason"))
            yield from _quoted(meeting.place, self.say("place"))
            yield from _quoted(meeting.goal, self.say("goal"))
            yield from _quoted(meeting.ask, self.say("ask"))
            yield from _quoted(meeting.shadow, self.say("shadow"))
            if meeting.agenda:
                yield from (self.say("agenda"), "", *map(self.point, meeting.agenda), "")
            yield from _quoted(meeting.reflection, self.say("reflection"))
            yield from _quoted(meeting.debrief, self.say("debrief"))
            yield from _quoted(meeting.their_debrief, self.say("their_debrief", other=_plain(_first(pair.other))))

    def point(self, point: JournalPoint) -> str:
        if point.text is not None:
            return f"- “{_one_line(point.text)}”"
        return f"- {self.coded('agenda', point.key) if point.key else ''}"

    def commitments(self, pair: JournalPair) -> Lines:
        for line in pair.commitments:
            told = [self.say(f"whose.{line.whose}", other=_plain(_first(pair.other)))]
            if line.due_on:
                told.append(self.words("page.goals.until", day=self.words.day(line.due_on, year=True)))
            told.append(self.say("open") if line.state == "open" else self.coded("state", line.state))
            yield from _quoted(line.text, f"**{' · '.join(told)}**")
            yield from _quoted(line.note)
            yield from _quoted(line.took, self.say("took"))

    def notes(self, pair: JournalPair) -> Lines:
        for note in sorted(pair.notes, key=lambda each: each.at):
            whose = self.say("shared" if note.shared else "private")
            if not note.mine:
                whose = self.say("from", other=_plain(_first(pair.other)))
            yield f"**{self.day(note.at)}: {self.coded('page.notes', note.kind)}** ({whose})"
            yield ""
            yield from _quoted(note.text, self.coded("prompt", note.prompt) if note.prompt else None)
            for name in ("alike", "unlike", "trying"):
                yield from _quoted(getattr(note, name), self.words(f"page.story.{name}"))

    def pulses(self, pair: JournalPair) -> Lines:
        for pulse in pair.pulses:
            yield self.say("pulse.mine") if pulse.mine else self.say("from", other=_plain(_first(pair.other)))
            yield ""
            for line in ("more", "less", "keep"):
                yield from _quoted(getattr(pulse, line), self.words(f"page.pulse.{line}"))

    def questions(self, pair: JournalPair) -> Lines:
        for question in pair.questions:
            yield from _quoted(question.text, f"**{self.day(question.at)}**")
            yield from _quoted(question.answer, self.say("answer"))

    def suggestions(self, pair: JournalPair) -> Lines:
        for each in pair.suggestions:
            yield from _quoted(each.text)
            yield from _quoted(each.adapted, self.words("suggestion.own_words"))

    def offers(self, pair: JournalPair) -> Lines:
        for offer in pair.proposed:
            times = self.words.items([self.moment(start) for start in offer.starts])
            yield f"- {self.coded('session', offer.session)}: {times}"
            if offer.comment:
                yield ""
                yield from _quoted(offer.comment)

    def agreements(self, pair: JournalPair, number: int | None) -> Lines:
        for each in pair.agreements:
            if each.signed_at is None:
                yield f"- {self.say('unsigned', version=each.version)}"
            elif number is None:
                yield f"- {self.say('signed', version=each.version, day=self.day(each.signed_at))}"
            else:
                where = f"{agreement_path(number, each)}.md"
                yield f"- {self.say('signed_here', version=each.version, day=self.day(each.signed_at), path=where)}"

    def looks(self, pair: JournalPair) -> Lines:
        for each in pair.looked:
            yield f"- {self.moment(each.at)}: {self.coded(f'page.looked.{each.role}', each.what)}"
