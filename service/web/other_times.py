"""Other times on the page of a meeting: what was proposed instead of it, and a debrief after the same date."""

from __future__ import annotations

from flask import request, url_for
from sqlalchemy.orm import Session

from service import links
from service.domain.errors import NotAllowed, NotFound
from service.operations import lapsing
from service.operations.offering import SlotQuery
from service.store.tables import Meeting, Proposal
from service.web.offers import offered
from service.web.page import Reader, now, words


def proposals(session: Session, reader: Reader, meeting: Meeting) -> list[tuple[Proposal, str, str]]:
    """What was proposed instead, each with what is told of it and the address of its page."""
    mine, pair_id = reader.person.id, meeting.pair_id
    schedule = links.known_link(session, now(), "schedule", mine, pair_id=pair_id)
    if schedule is None:
        return []
    return [
        (each, word, url_for("proposals.show", token=schedule.token, proposal_id=each.id))
        for each, word in lapsing.lines(session, now(), pair_id, mine, meeting.id)
    ]


def debrief(session: Session, reader: Reader, meeting: Meeting) -> tuple[str, str] | None:
    """Right after booking: the best time for a debrief after the same date, as a moment and a link."""
    if "booked" not in request.args or meeting.date_id is None or meeting.session == "debrief":
        return None
    role = meeting.pair.role(reader.person.id)
    query = SlotQuery(meeting.pair_id, "debrief", meeting.date_id, reader="mentee" if role == "mentee" else "mentor")
    try:
        found = offered(session, query).proposals.slots
    except (NotFound, NotAllowed):  # the date was dropped, or the pair has ended: the meeting is still to be seen
        return None
    schedule = links.known_link(session, now(), "schedule", reader.person.id, pair_id=meeting.pair_id)
    if not found or schedule is None:
        return None
    start = found[0].start
    url = url_for(
        "booking.decide",
        token=schedule.token,
        session="debrief",
        date=meeting.date_id,
        start=f"{start:%Y-%m-%dT%H:%M:%SZ}",
    )
    return words().moment(start, reader.zone), url
