"""The calls about how it goes, half-way, and about ending without a reason."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.domain.access import Thing
from service.operations import people, pulses
from service.store import tables
from service.web.api.frame import Caller, Model, call
from service.web.page import now, reading, writing


class PulseLines(Model):
    """More of, less of, keep."""

    more: str | None = None
    less: str | None = None
    keep: str | None = None


class PulseInput(PulseLines):
    """`skip` is the mentee's."""

    skip: bool = False


class Pulse(Model):
    """`theirs` stays null until both are in, or the mentee has skipped."""

    own: PulseLines | None
    theirs: PulseLines | None
    open: bool


def _lines(row: tables.Pulse | None) -> PulseLines | None:
    return PulseLines(**{line: getattr(row, line) for line in pulses.LINES}) if row is not None else None


def _pulse(session: Session, pair: tables.Pair, me: int) -> Pulse:
    held = pulses.pulses_of(session, pair, me)
    return Pulse(own=_lines(held.own), theirs=_lines(held.theirs), open=held.open)


@call("GET", "/pairs/<int:pair_id>/pulse", "What both would change.", answer=Pulse, may=(404,), about=Thing.PULSE)
def get_pulse(caller: Caller, pair_id: int) -> Pulse:
    with reading() as session:
        return _pulse(session, people.load_pair(session, pair_id, caller.me), caller.me)


@call(
    "PUT",
    "/pairs/<int:pair_id>/pulse",
    "What one would have more of, less of, and keep.",
    body=PulseInput,
    answer=Pulse,
    may=(403, 404, 422),
    about=Thing.PULSE,
)
def put_pulse(caller: Caller, pair_id: int, body: PulseInput) -> Pulse:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        said = {line: getattr(body, line) for line in pulses.LINES}
        pulses.write(session, now(), pair, caller.me, said, skip=body.skip)
        session.flush()
        return _pulse(session, pair, caller.me)


@call(
    "POST",
    "/pairs/<int:pair_id>/leave",
    "One of the two ends it, without a reason; meetings ahead are cancelled.",
    status=204,
    may=(404,),
    about=Thing.ENDING,
)
def leave(caller: Caller, pair_id: int) -> None:
    with writing() as session:
        people.leave(session, now(), people.load_pair(session, pair_id, caller.me), caller.me)
