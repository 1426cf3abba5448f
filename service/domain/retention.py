"""How long what is kept is kept: one table, read by whatever clears, and told in docs/privacy.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.terms import DEFAULT


class Period(StrEnum):
    BUSY = "busy"  # a copy of busy times that could not be read again, since it was read
    OFFERS = "offers"  # offered times that nobody took, since they ended
    BODIES = "bodies"  # words of mails that left or were dropped, and of answers that were dealt with
    DELIVERY = "delivery"  # that there was such a mail, to whom and when; of a meeting, since that was over
    CONTENT = "content"  # what a pair said, since it ended, unless they agreed to another one
    NOTICE = "notice"  # at least so long before that goes, both are told
    ACCESS = "access"  # calendars and their tokens, since the last of somebody's pairs ended
    LAST_WRITES = "last_writes"  # how long that waits for a calendar that does not let go of meetings that are off
    COUNTS = "counts"  # that there was a pair, and when it met, since it ended


PERIODS: dict[Period, timedelta] = {
    Period.BUSY: timedelta(hours=24),
    Period.OFFERS: timedelta(days=7),
    Period.BODIES: timedelta(days=14),
    Period.DELIVERY: timedelta(days=90),
    Period.CONTENT: DEFAULT.keep,
    Period.NOTICE: timedelta(days=14),
    Period.ACCESS: timedelta(0),
    Period.LAST_WRITES: timedelta(days=1),
    Period.COUNTS: timedelta(days=730),
}
LOOK_AGAIN = timedelta(days=365)  # at a pair of which somebody keeps their own notes

_CONTENT = (Period.CONTENT,)
_MAIL = (Period.BODIES, Period.DELIVERY)
TABLES: dict[str, tuple[Period, ...]] = {  # the periods by which rows go; none: with what they are about, or never
    "agenda_items": _CONTENT,
    "agreement_answers": _CONTENT,
    "agreement_signatures": _CONTENT,
    "agreements": _CONTENT,
    "api_tokens": (),  # until they are revoked
    "attendances": _CONTENT,
    "brought_journals": (),  # until they are erased
    "calendar_hosts": (),
    "calendar_writes": _CONTENT,
    "calendars": (Period.BUSY, Period.ACCESS),
    "claims": _CONTENT,
    "commitments": _CONTENT,
    "connections": (Period.ACCESS,),
    "consents": (),  # with the next one
    "critical_dates": _CONTENT,
    "debriefs": _CONTENT,
    "goals": _CONTENT,
    "grants": (Period.ACCESS,),
    "heartbeats": (),
    "help_requests": (),  # until they are erased, or take it back
    "idempotency_keys": _CONTENT,
    "inbound": _MAIL,
    "links": _CONTENT,  # of what is about a pair; a person's own page has no end
    "looks": _CONTENT,
    "mailbox_mails": (),  # with the mail in the mailbox
    "mailbox_marks": (),
    "meeting_goals": _CONTENT,
    "meetings": (Period.COUNTS,),
    "notes": _CONTENT,  # unless their author keeps them
    "outbox": _MAIL,
    "pair_keys": _CONTENT,
    "pairs": (Period.COUNTS,),
    "parked_points": _CONTENT,
    "people": (),  # until they are erased
    "preparations": _CONTENT,
    "proposals": _CONTENT,
    "proposed_times": (Period.OFFERS, Period.CONTENT),
    "pulses": _CONTENT,
    "put_away": (),
    "questions": _CONTENT,
    "reflections": _CONTENT,  # unless their author keeps them
    "send_times": (),
    "sending_grants": (),
    "sightings": _CONTENT,
    "suggestions": _CONTENT,
    "time_proposals": (Period.OFFERS, Period.CONTENT),
    "watches": (Period.ACCESS,),
    "what_matters": _CONTENT,
}
THEIR_CHOICE = ("notes", "reflections")  # whoever wrote one decides


class Stage(StrEnum):
    """How far an ended pair is on its way out."""

    CLOSED = "closed"  # both were told that it ended, and until when all stays
    TOLD = "told"  # and that it goes in a while
    CLEARED = "cleared"  # nothing that anybody said is left
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Step:
    """What is due of an ended pair: the stage that it reaches, what both are told, and when to look again."""

    stage: Stage
    mail: str | None
    look_again_at: datetime


def step(ended_at: datetime, keep: timedelta, stage: Stage | None, now: datetime) -> Step:
    """Nothing goes before both were told long enough ahead, however late the first look comes. `keep` is what they
    agreed on for Period.CONTENT."""
    goes_at = ended_at + keep
    tell_at = goes_at - PERIODS[Period.NOTICE]
    if stage is None and now < tell_at:
        return Step(Stage.CLOSED, "closure", tell_at)
    if stage in {None, Stage.CLOSED}:
        return Step(Stage.TOLD, "purge-14", max(goes_at, now + PERIODS[Period.NOTICE]))
    if stage is Stage.TOLD:
        return Step(Stage.CLEARED, None, max(ended_at + PERIODS[Period.COUNTS], now))
    return Step(Stage.GONE, None, now + LOOK_AGAIN)
