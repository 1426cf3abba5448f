"""Running it: everything, one part, the demo and its clock, and a look at whether all is well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import click

from bench.__main__ import main as measure
from service import data_folder, links, settings, wiring
from service import doctor as checks
from service.cli.frame import WHOLE, WORDS, json_option, opened, show, table
from service.demo.clock import clock_move
from service.demo.folder import demo_settings
from service.doctor.loop import LIMIT, mail_loop


@click.command()
def up() -> None:
    """Web, workers, clock and broker under one supervisor."""
    from service import supervisor  # noqa: PLC0415 - 0.6 s, as it loads the web, which other commands do not need

    supervisor.up(settings.load())


@click.command()
def web() -> None:
    """The web server alone."""
    from service.web.serve import serve  # noqa: PLC0415 - 0.5 s, as above

    serve(data_folder.with_keys(settings.load()))


@click.command()
def worker() -> None:
    """The workers and the clock alone; any number of machines may run them."""
    from service import supervisor  # noqa: PLC0415 - 0.6 s, as above

    supervisor.run_worker(settings.load())


@click.command()
@click.option("--to", "revision", metavar="REVISION", help=WORDS("cli.help.migrate_to"))
def migrate(revision: str | None) -> None:
    """Brings the database to this version; safe from several at once."""
    wiring.migrate(settings.load(), revision)
    click.echo(WORDS("cli.migrated.to", revision=revision) if revision else WORDS("cli.migrated"))


@click.command()
@click.option("--mail", "address", metavar="ADDRESS", help=WORDS("cli.help.mail"))
@click.option("--wait", type=WHOLE, default=60, show_default=True, metavar="SECONDS", help=WORDS("cli.help.wait"))
@click.option("--mail-loop", "loop", is_flag=True, help=WORDS("cli.help.mail_loop"))
@json_option
def doctor(address: str | None, wait: int, loop: bool, as_json: bool) -> None:
    """Checks every part and says what to do; with --mail it tries a real invitation."""
    configured = settings.load()
    found = [*checks.check(configured), *(_try_loop(configured) if loop else ())]
    value = [{"part": row.part, "state": row.state, "advice": row.advice} for row in found]
    show(as_json, value, table([(row.part, row.state, row.advice) for row in found]))
    if address is not None:
        _try_mail(configured, address, wait)
    if any(row.state == "broken" for row in found):
        raise SystemExit(1)


def _try_loop(configured: settings.Settings) -> Iterator[checks.Row]:
    services = wiring.build(configured)
    try:
        click.echo(WORDS("doctor.loop.waiting", seconds=int(LIMIT.total_seconds())), err=True)
        yield mail_loop(services)
    finally:
        services.database.close()


def _try_mail(configured: settings.Settings, address: str, wait: int) -> None:
    """Its steps go to stderr, as they are done: stdout is the table's."""
    from service.trial import send_trial  # noqa: PLC0415 - 65 ms, as it loads the templates' engine

    services = wiring.build(configured)
    try:
        for step in send_trial(services, address, timedelta(seconds=wait)):
            click.echo(step, err=True)
    finally:
        services.database.close()


@click.command()
@click.option("--rotate", is_flag=True, help=WORDS("cli.help.rotate"))
@json_option
def operator(rotate: bool, as_json: bool) -> None:
    """Prints the link to the page that says what is wrong and what to do."""
    with opened() as services, services.database.write() as session:
        now = services.clock()
        if rotate:
            links.revoke_links(session, now, None, "operator")
        url = links.url_of(services.settings.base_url, links.link_for(session, now, "operator", None))
    show(as_json, {"url": url}, [url])


@click.command()
@click.option("--reset", is_flag=True)
def demo(reset: bool) -> None:
    """Everything on this machine, with a made-up programme."""
    from service.cli.demo import run_demo  # noqa: PLC0415 - 0.7 s, as it loads everything

    run_demo(reset=reset)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("spec")
@json_option
def clock(spec: str, as_json: bool) -> None:
    """Moves the demo's clock: +2d, +5h, +30m, next, reset."""
    moved = clock_move(demo_settings(), spec)
    show(as_json, {"now": f"{moved:%Y-%m-%dT%H:%M:%SZ}"}, [f"{moved:%Y-%m-%d %H:%M} UTC"])


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_context
def bench(ctx: click.Context) -> None:
    """Measures what the project promises, and writes the figures as JSON."""
    raise SystemExit(measure(ctx.args))


COMMANDS = (up, web, worker, migrate, doctor, operator, demo, clock, bench)
