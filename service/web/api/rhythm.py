"""The calls about how often the two meet: who finds the times, and what the mentor has open for it."""

from __future__ import annotations

from service.domain.access import Thing
from service.domain.errors import NotAllowed
from service.domain.terms import terms_of
from service.operations import cadence, mirror, people
from service.web.api import answers, shapes
from service.web.api.frame import Caller, Model, call
from service.web.page import now, reading, services


class Cadence(Model):
    """`gap_days` is null where they meet around dates only. `finder` is who is asked to find a time. `waits`: for a
    meeting that is booked, for the end of a pause, or because the pair has ended."""

    gap_days: int | None
    finder: int
    paused_until: answers.Instant | None
    waits: bool


class Mirror(Model):
    """Minutes in the next four weeks. Null where what is open is enough for what was agreed, or nothing was."""

    open_minutes: int | None
    agreed_minutes: int | None


@call(
    "GET",
    "/pairs/<int:pair_id>/cadence",
    "How often the two meet, who finds the times, and until when they pause.",
    answer=Cadence,
    may=(404,),
    about=Thing.AGREEMENT,
)
def cadence_of(caller: Caller, pair_id: int) -> Cadence:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        (look,) = cadence.looks(session, now(), [pair])
        gap = terms_of(pair.terms).gap
        return Cadence(
            gap_days=gap.days if gap is not None else None,
            finder=look.owner.id,
            paused_until=shapes.z(pair.paused_until),
            waits=look.waits,
        )


@call(
    "GET",
    "/pairs/<int:pair_id>/mirror",
    "For the mentor alone: what they have open, beside what was agreed.",
    answer=Mirror,
    may=(404,),
    about=Thing.PRIVATE,
)
def mirror_of(caller: Caller, pair_id: int) -> Mirror:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        if pair.mentor_id != caller.me:
            raise NotAllowed
        found = mirror.mirror_of(session, now(), services().settings.busy_max_age, pair)
        return Mirror(
            open_minutes=found.open if found is not None else None,
            agreed_minutes=found.agreed if found is not None else None,
        )
