"""The operator's page: what is wrong first and what to do about it, then how everything stands."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links
from service.domain.errors import AdapterError, MoveNotAllowed, NotFound
from service.operations import bounces, operator, sending
from service.operations.operator import Standing
from service.operations.sending import Sender
from service.store import heartbeats, outbox
from service.web.consent import lets_out
from service.web.page import asked_int, limited, now, page, reading, see_other, services, words, writing
from service.web.times import age

blueprint = Blueprint("operator", __name__)
UTC = ZoneInfo("UTC")
ALL_DEAD, TRY_AGAIN = "retry-dead", "try-again"


@blueprint.get("/operator/<token>")
def show(token: str) -> AnyResponse:
    return standing_page(token)


@blueprint.post("/operator/<token>")
def decided(token: str) -> AnyResponse:
    """One decision, about one mail, all dead ones, or an address, then the page again."""
    limited(token)
    row_id, person_id, decision = asked_int("mail"), asked_int("person"), request.form.get("decision", "")
    try:
        with writing() as session:
            links.resolve(session, now(), "operator", token)
            if decision == ALL_DEAD:
                operator.retry_dead(session, now())
            elif decision == TRY_AGAIN and person_id is not None:
                bounces.try_again_at(session, now(), person_id)
            elif row_id is None:
                raise NotFound
            else:
                operator.decide(session, now(), row_id, decision)
    except MoveNotAllowed as fault:
        return standing_page(token, [words()(f"error.{fault.code}", **fault.params)], 409)
    return see_other(url_for("operator.show", token=token, done=row_id or decision))


def standing_page(token: str, faults: list[str] | None = None, status: int = 200) -> AnyResponse:
    with reading() as session:
        links.resolve(session, now(), "operator", token)
        standing = operator.look(session, now(), services().machine_clock())
        sender = _sender(session)
    depth, waited = _depth(), age(words(), now(), now() - standing.waited)
    wrong = [words()(f"page.operator.wrong.sender.{sender.state}")] if sender and sender.state != "connected" else []
    shown = page(
        "operator.html", status, token=token, faults=faults or [], done=request.args.get("done"), sender=sender,
        standing=standing, depth=depth, waited=waited, wrong=wrong + _wrong(standing, depth, waited), zone=UTC, age=age,
        parts=[(part, standing.alive.get(part)) for part in heartbeats.PARTS], machine_now=services().machine_clock(),
        database=services().database.engine.dialect.name, states=outbox.STATES, most=operator.MOST_SHOWN,
        all_dead=ALL_DEAD, try_again=TRY_AGAIN, held=[f"{count} {kind}" for kind, count in standing.held.items()],
    )  # fmt: skip
    return lets_out(shown) if sender else shown


def _sender(session: Session) -> Sender | None:
    """How the account stands that mail is sent from; None where there is none."""
    settings = services().settings
    provider = settings.sending_provider
    return sending.look(session, provider, settings.mail_address) if provider is not None else None


def _depth() -> int | None:
    """Batches that wait for a worker; None when the broker does not answer. Asked with no session open."""
    try:
        return services().jobs.depth()
    except AdapterError:
        return None


def _wrong(standing: Standing, depth: int | None, waited: str) -> list[str]:
    """What is not as it should be, in the order in which it is worth looking at."""
    say = words()
    said = [say("page.operator.wrong.broker")] if depth is None else []
    said += [say("page.operator.wrong.silent", part=say(f"page.operator.part.{part}")) for part in standing.silent]
    said += [say("page.operator.wrong.overdue", waited=waited)] if standing.overdue else []
    late = age(say, now(), now() - standing.events_waited)
    said += [say("page.operator.wrong.late", waited=late)] if standing.events_late else []
    counted = {
        "held": sum(standing.held.values()),
        "uncertain": standing.counts.get("uncertain", 0),
        "dead": standing.counts.get("dead", 0),
        "addresses": standing.unreachable_count,
        "calendars": standing.stuck_calendars,
        "events": standing.events_failed,
    }
    return said + [say(f"page.operator.wrong.{what}", n=count) for what, count in counted.items() if count]
