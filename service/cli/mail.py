"""The outbox and the inbox: what is to be sent, was sent, failed and why; what came in."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy import select

from service.cli.frame import WHOLE, WORDS, instant, json_option, opened, show, table, wanted
from service.operations import operator
from service.store import held, writes
from service.store import outbox as rows
from service.store.tables import Inbound, OutboxRow

STATES = (*rows.STATES, "held")


def _json(row: OutboxRow) -> dict[str, Any]:
    return {
        "id": row.id, "kind": row.kind, "person": row.person_id, "meeting": row.meeting_id, "state": row.state,
        "due_at": instant(row.due_at), "held_at": instant(row.held_at), "attempts": row.attempts,
        "last_error": row.last_error, "message_id": row.message_id, "sent_at": instant(row.sent_at),
    }  # fmt: skip


def _told(row: OutboxRow) -> str:
    return "held" if row.state == "pending" and row.held_at is not None else row.state


@click.group()
def outbox() -> None:
    """Mail on its way out."""


@outbox.command("list")
@click.option("--state", type=click.Choice(STATES))
@json_option
def list_(state: str | None, as_json: bool) -> None:
    """Newest first."""
    with opened() as services, services.database.read() as session:
        found = rows.listing(session, state)
        cells = [
            (str(row.id), row.kind, _told(row), instant(row.due_at) or "", str(row.attempts), row.last_error or "")
            for row in found
        ]
        show(as_json, [_json(row) for row in found], table(cells) or [WORDS("cli.outbox.none")])


@outbox.command("show")
@click.argument("row_id", type=WHOLE)
@json_option
def show_(row_id: int, as_json: bool) -> None:
    """One row; never what the mail says."""
    with opened() as services, services.database.read() as session:
        value = _json(wanted(session.get(OutboxRow, row_id)))
        show(as_json, value, [f"{key}: {said}" for key, said in value.items()])


@outbox.command()
@click.argument("row_id", type=WHOLE, required=False)
@click.option("--dead", "all_dead", is_flag=True, help=WORDS("cli.help.dead"))
@json_option
def retry(row_id: int | None, all_dead: bool, as_json: bool) -> None:
    """Sends a dead row again, or a waiting one at once; with --dead every dead one."""
    if (row_id is None) != all_dead:
        raise click.UsageError(WORDS("cli.outbox.which"))
    with opened() as services, services.database.write() as session:
        if row_id is None:
            count = operator.retry_dead(session, services.clock())
            value, told = {"again": count}, WORDS("cli.outbox.all_again", n=count)
        else:
            value = _json(operator.decide(session, services.clock(), row_id, "retry"))
            told = WORDS("cli.outbox.again", row=row_id)
    show(as_json, value, [told])


@outbox.command()
@click.argument("row_id", type=WHOLE)
@click.option("--sent", "decision", flag_value="arrived")
@click.option("--resend", "decision", flag_value="resend")
@json_option
def resolve(row_id: int, decision: str | None, as_json: bool) -> None:
    """A person's word on an uncertain row: it arrived, or send it again."""
    if decision is None:
        raise click.UsageError(WORDS("cli.outbox.decide"))
    with opened() as services, services.database.write() as session:
        row = operator.decide(session, services.clock(), row_id, decision)
    show(as_json, _json(row), [f"{row.id}: {row.state}"])


@outbox.command("held")
@json_option
def held_(as_json: bool) -> None:
    """What a restore holds back, by kind."""
    with opened() as services, services.database.read() as session:
        found = held.kinds(session)
    lines = [*table([(kind, str(count)) for kind, count in found.items()]), WORDS("cli.outbox.held.do")]
    show(as_json, {"held": sum(found.values()), "kinds": found}, lines if found else [WORDS("cli.outbox.none")])


def _which(command: Any) -> Any:
    """One held row, one kind, or all of them."""
    for decorate in (
        click.argument("row_id", type=WHOLE, required=False),
        click.option("--kind", help=WORDS("cli.help.held.kind")),
        click.option("--all", "everything", is_flag=True, help=WORDS("cli.help.held.all")),
        json_option,
    ):
        command = decorate(command)
    return command


def _check_one(row_id: int | None, kind: str | None, everything: bool) -> None:
    if (row_id is not None) + (kind is not None) + everything != 1:
        raise click.UsageError(WORDS("cli.outbox.held.which"))


def _decided(done: str, count: int) -> str:
    return WORDS(f"cli.outbox.{done}", n=count) if count else WORDS("cli.outbox.held.none")


@outbox.command()
@_which
def release(row_id: int | None, kind: str | None, everything: bool, as_json: bool) -> None:
    """Sends what a restore holds back, if it is still so."""
    _check_one(row_id, kind, everything)
    with opened() as services, services.database.write() as session:
        count = held.release(session, services.clock(), row_id=row_id, kind=kind)
        entries = writes.release(session, services.clock()) if everything else 0
    said = [WORDS("cli.outbox.entries", n=entries)] if entries else []
    if count or not entries:
        said.append(_decided("released", count))
    show(as_json, {"released": count, "entries": entries}, said)


@outbox.command()
@_which
def cancel(row_id: int | None, kind: str | None, everything: bool, as_json: bool) -> None:
    """Drops what a restore holds back: it is never sent."""
    _check_one(row_id, kind, everything)
    with opened() as services, services.database.write() as session:
        count = held.cancel(session, row_id=row_id, kind=kind)
    show(as_json, {"cancelled": count}, [_decided("cancelled", count)])


@outbox.command()
@json_option
def drain(as_json: bool) -> None:
    """Sends what is due without the queue."""
    from workers.deliver import drain as send_all  # noqa: PLC0415 - 75 ms, as it loads the templates' engine

    with opened() as services:
        count = send_all(services)
        with services.database.read() as session:
            states = rows.counts(session)
        show(as_json, {"taken": count, "states": states}, [WORDS("cli.outbox.drained", n=count)])


@click.group()
def inbox() -> None:
    """Mail that came in."""


@inbox.command("show")
@json_option
def inbox_show(as_json: bool) -> None:
    """The last hundred messages and what became of them; never what they say."""
    with opened() as services, services.database.read() as session:
        found = session.scalars(select(Inbound).order_by(Inbound.id.desc()).limit(100)).all()
        value = [
            {
                "id": row.id, "received_at": instant(row.received_at), "state": row.state, "verdict": row.verdict,
                "meeting": row.meeting_id,
            }
            for row in found
        ]  # fmt: skip
        cells = [(str(row.id), instant(row.received_at) or "", row.state, row.verdict or "") for row in found]
        show(as_json, value, table(cells) or [WORDS("cli.inbox.none")])


COMMANDS = (outbox, inbox)
