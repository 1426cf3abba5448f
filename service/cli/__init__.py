"""The `greenroom` command: parse, call one operation, print. Errors are one sentence on stderr; exit 0, 1 or 2."""

from __future__ import annotations

import logging

import click

from service import logs
from service.cli import backup, data, dates, journal, mail, people, programme, running
from service.cli.frame import Sentences


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="greenroom")
def main() -> None:
    """Mentoring meetings around the dates that matter."""
    if not logging.getLogger().handlers:  # whoever calls this as a function may have their own
        logs.start("text", "command")


for part in (running, people, programme, dates, mail, backup, journal, data):
    for command in part.COMMANDS:
        main.add_command(command)
