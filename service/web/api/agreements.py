"""The calls about what two people expect of each other, and about when they are asked to find a time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.access import Thing
from service.domain.agreement import CLAUSES
from service.operations import agreements, cadence, people
from service.store.tables import Pair
from service.web.api import agreement_models as models
from service.web.api import shapes
from service.web.api.frame import Caller, call
from service.web.page import now, reading, writing


@call(
    "GET",
    "/agreement/clauses",
    "Every clause: its kind, its choices and its default.",
    answer=models.Clauses,
    about=Thing.AGREEMENT,
)
def clauses(_caller: Caller) -> models.Clauses:
    return models.Clauses(
        clauses=[
            models.Clause(
                key=clause.key, kind=clause.kind, choices=list(clause.choices), default=clause.default,
                whose=clause.whose, asked=clause.asked, acts=clause.acts,
            )
            for clause in CLAUSES.values()
        ]
    )  # fmt: skip


@call(
    "GET",
    "/pairs/<int:pair_id>/agreement",
    "How it stands: one's own answers, and of the other's nothing before both have answered.",
    answer=models.Agreement,
    may=(404,),
    about=Thing.AGREEMENT,
)
def agreement(caller: Caller, pair_id: int) -> models.Agreement:
    with reading() as session:
        return _answer(session, people.load_pair(session, pair_id, caller.me), caller)


@call(
    "PUT",
    "/pairs/<int:pair_id>/agreement/answers",
    "Answers alone; a clause that is left out takes its default.",
    body=models.ClauseValues,
    answer=models.Agreement,
    may=(403, 404, 422),
    about=Thing.AGREEMENT,
)
def put_answers(caller: Caller, pair_id: int, body: models.ClauseValues) -> models.Agreement:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        agreements.answer(session, now(), pair, caller.me, body.clauses)
        return _answer(session, pair, caller)


@call(
    "PATCH",
    "/pairs/<int:pair_id>/agreement",
    "Settles clauses, or, of a signed version, makes the next one that both sign.",
    body=models.ClauseValues,
    answer=models.Agreement,
    may=(403, 404, 422),
    about=Thing.AGREEMENT,
)
def change_agreement(caller: Caller, pair_id: int, body: models.ClauseValues) -> models.Agreement:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        agreements.change(session, now(), pair, caller.me, body.clauses)
        return _answer(session, pair, caller)


@call(
    "POST",
    "/pairs/<int:pair_id>/agreement/sign",
    "Signs the words that were seen; 409 when they are others by now.",
    body=models.Signature,
    answer=models.Agreement,
    may=(403, 404, 409),
    about=Thing.AGREEMENT,
)
def sign_agreement(caller: Caller, pair_id: int, body: models.Signature) -> models.Agreement:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        agreements.sign(session, now(), pair, caller.me, body.text_sha256)
        return _answer(session, pair, caller)


@call(
    "POST",
    "/pairs/<int:pair_id>/agreement/withdraw",
    "Takes back a change that is not signed by both.",
    answer=models.Agreement,
    may=(403, 404),
    about=Thing.AGREEMENT,
)
def withdraw_change(caller: Caller, pair_id: int) -> models.Agreement:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        agreements.withdraw(session, pair)
        return _answer(session, pair, caller)


@call(
    "GET",
    "/pairs/<int:pair_id>/agreement/versions/<int:version>",
    "A signed version to the letter.",
    answer=models.SignedVersion,
    may=(404,),
    about=Thing.AGREEMENT,
)
def signed_version(caller: Caller, pair_id: int, version: int) -> models.SignedVersion:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        row = agreements.load_version(session, pair, version)
        return models.SignedVersion(
            version=row.version, signed_at=_moment(row.signed_at), sha256=row.signed_sha256, markdown=row.document
        )


@call(
    "PUT",
    "/pairs/<int:pair_id>/pause",
    "Until then nobody is asked to find a time; null ends it.",
    body=models.Pause,
    answer=models.Paused,
    may=(404, 422),
    about=Thing.MEETING,
)
def put_pause(caller: Caller, pair_id: int, body: models.Pause) -> models.Paused:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        cadence.pause(session, now(), pair, body.until)
        return models.Paused(until=_moment(pair.paused_until))


def _moment(at: datetime | None) -> str | None:
    return shapes.instant(at) if at is not None else None


def _answer(session: Session, pair: Pair, caller: Caller) -> models.Agreement:
    desk = agreements.desk(session, pair, caller.me)
    return models.Agreement(
        version=desk.version,
        state=desk.state,
        answered=sorted(desk.answered),
        own=dict(desk.own) if desk.own is not None else None,
        differences=[
            models.Difference(clause=each.clause.key, mentee=each.mentee, mentor=each.mentor)
            for each in desk.differences
        ],
        to_settle=[clause.key for clause in desk.to_settle],
        terms=dict(desk.terms) if desk.terms is not None else None,
        text=desk.row.text if desk.row is not None else None,
        text_sha256=desk.row.text_sha256 if desk.row is not None else None,
        signed_by=sorted(desk.signed_by),
        signed_versions=[each.version for each in desk.versions],
    )
