"""The calls about one's own journal: the data of the file that the page gives and takes."""

from __future__ import annotations

from service.domain.access import Thing
from service.journal import Journal
from service.operations import bringing
from service.operations.journal import journal_of
from service.web.api.frame import Caller, Model, call, person_of
from service.web.page import now, reading, writing


class Brought(Model):
    """How many of its pairs are kept now; those of this installation are not."""

    pairs: int


@call("GET", "/me/journal", "All that is one's own, as `data.json` has it.", answer=Journal, about=Thing.PRIVATE)
def journal(caller: Caller) -> Journal:
    with reading() as session:
        return journal_of(session, person_of(session, caller))


@call(
    "POST",
    "/me/journal",
    "Brings a journal from another installation, for oneself alone; again, and it is replaced.",
    body=Journal,
    answer=Brought,
    may=(422,),
    about=Thing.PRIVATE,
)
def bring(caller: Caller, body: Journal) -> Brought:
    with writing() as session:
        return Brought(pairs=bringing.bring(session, now(), person_of(session, caller), body))
