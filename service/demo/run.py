"""`greenroom demo`: everything on this machine, the made-up programme in it, and where to look."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from service import links, supervisor, wiring
from service.catalogue import Words
from service.demo import dav, servers, story
from service.demo.clock import Settle, machine_now
from service.demo.folder import demo_settings, keep_settings, prepare, write_note
from service.operations import people
from service.settings import Settings
from service.store.migrate import migrate
from service.store.tables import Pair
from service.wiring import Services
from workers import deliver

WORDS = Words.of("en")


def run_demo(*, reset: bool = False) -> int:
    """Stays in the foreground until Ctrl-C or SIGTERM; returns the exit code. Repeatable: keeps what it made.

    Raises SettingFault, NotDemosFolder, PortTaken, ServerSilent.
    """
    folder = demo_settings().data_dir
    supervisor.refuse_second(folder)
    note = prepare(folder, machine_now().date(), reset=reset)
    settings = demo_settings(note)
    keep_settings(settings)
    with servers.running(folder, note.feeds_port, note.dav_port, note.password, note.day):
        if not note.told:
            _progress("demo.making")
            services = wiring.build(settings)
            migrate(settings)
            dav.fill(note.dav_port, note.password, note.day)
            story.tell(services, note, drain)
            services.database.close()
            note = replace(note, told=True)
            write_note(folder, note)
        return supervisor.up(settings, on_ready=lambda: _say_where(settings))


def drain(services: Services) -> None:
    deliver.drain(services)


def _progress(key: str) -> None:
    print(WORDS(key), file=sys.stderr, flush=True)


def _say_where(settings: Settings) -> None:
    """What the newcomer reads: five lines with addresses that work."""
