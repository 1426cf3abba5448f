"""After a meeting, and the link inside its calendar entry: did it happen, is this right, and when next."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links
from service.domain.commitments import KINDS
from service.domain.errors import InvalidInput
from service.domain.goals import GoalDraft
from service.domain.sessions import following
from service.operations import followup, goals, personal_links, video
from service.operations.commitments import Line
from service.operations.meetings import agreed_at_meeting
from service.operations.offering import SlotQuery
from service.store.tables import Commitment, Meeting
from service.web.agenda_form import rows_in
from service.web.commitments import line_of
from service.web.meeting import meeting_of, names_of
from service.web.offers import offered
from service.web.page import (
    Reader,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    refused,
    see_other,
    writing,
)
from service.web.times import times_of

blueprint = Blueprint("after", __name__)
MOST_ROWS = 60
ROW = ("id", "text", "owner", "due_on", "kind", "must")  # the fields of a line


@blueprint.get("/i/<token>")
def entry(token: str) -> AnyResponse:
    """The link inside a calendar entry: first names, time, place. It can do nothing but mail a person their own
    link."""
    with reading() as session:
        reader = reader_of(session, "entry", token)
        meeting = meeting_of(session, reader)
        return page(
            "entry.html", reader=reader, token=token, meeting=meeting,
            unknown_place=video.place_key(session, meeting), names=list(names_of(meeting).values()),
            mailed="mailed" in request.args,
        )  # fmt: skip


@blueprint.post("/i/<token>")
def entry_mail(token: str) -> AnyResponse:
    limited(token)
    with writing() as session:
        reader = reader_of(session, "entry", token)
        personal_links.queue_links_mail(session, now(), reader.person.email)
    return see_other(url_for("after.entry", token=token, mailed=1))


@blueprint.get("/f/<token>")
def after(token: str) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "followup", token)
        return _after(session, reader, token)


def _after(
    session: Session, reader: Reader, token: str, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    meeting = meeting_of(session, reader)
    found = None
    if meeting.pair.ended_at is None:
        query = SlotQuery(meeting.pair_id, following(meeting.session))
        found = times_of(offered(session, query), reader, now())
    schedule = links.known_link(session, now(), "schedule", reader.person.id, pair_id=meeting.pair_id)
    return page(
        "followup.html", status, reader=reader, token=token, meeting=meeting, faults=faults or [],
        rows=_rows(session, meeting), names=names_of(meeting), done="done" in request.args,
        other=meeting.pair.other(reader.person.id), times=found, schedule=schedule.token if schedule else None,
        own=links.known_link(session, now(), "person", reader.person.id),
        reflection=request.form.get("reflection", followup.reflection_of(session, meeting, reader.person.id) or ""),
        first_goal=meeting.pair.mentee_id == reader.person.id and goals.is_waited_for(session, meeting),
        early=now() < meeting.ends_at, kinds=KINDS, next_session=following(meeting.session),
        zone=ZoneInfo(reader.person.zone),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the form as it is shown: held already, or just typed and refused."""

    id: str
    text: str
    owner: str
    due_on: str
    kind: str
    must: str


def _rows(session: Session, meeting: Meeting) -> list[Row]:
    if refused("followup"):
        return [
            Row(*(request.form.get(f"line.{at}.{name}", "") for name in ROW))
            for at in rows_in(request.form, "line")[:MOST_ROWS]
        ]
    return [_row(line) for line in agreed_at_meeting(session, meeting)]


def _row(line: Commitment) -> Row:
    due_on = line.due_on.isoformat() if line.due_on else ""
    return Row(str(line.id), line.text, str(line.owner_id or ""), due_on, line.kind, "yes" if line.must else "no")


@blueprint.post("/f/<token>")
def answered(token: str) -> AnyResponse:
    limited(token)
    happened = request.form.get("happened", "yes") == "yes"
    try:
        with writing() as session:
            reader = reader_of(session, "followup", token)
            meeting, first_goal = meeting_of(session, reader), request.form.get("first_goal", "").strip()
            if first_goal:
                goals.add(session, now(), meeting.pair, reader.person.id, GoalDraft(first_goal))
            followup.submit_followup(
                session, now(), meeting, reader.person.id, happened=happened,
                lines=tuple(_posted_lines()), reflection=request.form.get("reflection"),
            )  # fmt: skip
    except InvalidInput as fault:
        with reading() as session:
            return _after(session, reader_of(session, "followup", token), token, fault_sentences(fault), 422)
    return see_other(url_for("after.after", token=token, done=1))


def _posted_lines() -> list[Line]:
    return [line_of(f"line.{at}.", f"line {at}") for at in rows_in(request.form, "line")[:MOST_ROWS]]
