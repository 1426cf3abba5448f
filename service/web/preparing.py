"""Getting ready for a meeting, on its page: one's own list, what a practice is watched for, and three ways on for
whoever is not ready."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import CalendarUnreadable, NotFound, RuleBroken, SlotTaken
from service.domain.preparation import shorter
from service.operations import preparing
from service.operations.meetings import check_may_move
from service.web import confirm, meeting
from service.web.page import limited, now, reader_of, reading, see_other, services, words, writing

blueprint = Blueprint("preparing", __name__)


@blueprint.post("/m/<token>/prepare")
def prepare(token: str) -> AnyResponse:
    limited(token)
    with writing() as session:
        reader = reader_of(session, "meeting", token)
        held = meeting.meeting_of(session, reader)
        preparing.tick(session, now(), held, reader.person.id, request.form.getlist("done"))
    return see_other(url_for("meeting.show", token=token, _anchor="prepare"))


@blueprint.post("/m/<token>/listen")
def listen(token: str) -> AnyResponse:
    limited(token)
    with writing() as session:
        reader = reader_of(session, "meeting", token)
        held = meeting.meeting_of(session, reader)
        preparing.listen_for(session, now(), held, reader.person.id, request.form.getlist("listen"))
    return see_other(url_for("meeting.show", token=token, _anchor="prepare"))


@blueprint.post("/m/<token>/ready")
def ready(token: str) -> AnyResponse:
    """Not ready: a shorter meeting, another time, or this one, which then begins with what got in the way."""
    limited(token)
    way = request.form.get("way")
    if way == "keep":
        with writing() as session:
            reader = reader_of(session, "meeting", token)
            preparing.keep_unready(session, now(), meeting.meeting_of(session, reader), reader.person.id)
    elif way == "move":
        return see_other(url_for("meeting.move", token=token))
    elif way == "shorten":
        return _shorten(token)
    else:
        raise NotFound
    return see_other(url_for("meeting.show", token=token))


def _shorten(token: str) -> AnyResponse:
    """It begins when it did; the notice that the two agreed on holds. Short already, it stays as it is."""
    with reading() as session:
        reader = reader_of(session, "meeting", token)
        held = meeting.meeting_of(session, reader)
        check_may_move(held, now())
        half = shorter(held.ends_at - held.starts_at)
        asked = request.form.get("minutes")
    if half is not None and asked == str(half // timedelta(minutes=1)):  # the same form again does not halve it again
        try:
            confirm.reschedule(
                services(), held.id, reader.person.id, held.starts_at, minutes=half // timedelta(minutes=1)
            )
        except (SlotTaken, RuleBroken, CalendarUnreadable):
            with reading() as session:
                reader = reader_of(session, "meeting", token)
                said = words()("page.not_moved.gone", time=words().moment(held.starts_at, reader.zone))
                return meeting.move_times(session, reader, token, meeting.meeting_of(session, reader), said, 409)
    return see_other(url_for("meeting.show", token=token))
