"""`greenroom demo`: everything on this machine, the made-up programme in it, and where to look."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

from service import logs, supervisor, wiring
from service.catalogue import Words
from service.demo import dav, servers, story, where
from service.demo.clock import machine_now
from service.demo.folder import Note, demo_settings, keep_settings, prepare, read_note, write_note
from service.settings import Settings
from service.store.migrate import migrate
from service.wiring import Services
from workers import deliver

log = logging.getLogger(__name__)
WORDS = Words.of("en")


def run_demo(*, reset: bool = False) -> None:
    """Stays in the foreground until Ctrl-C or SIGTERM. Repeatable: keeps what it made, unless `reset`.

    Raises SettingFault, AlreadyRunning, NotDemosFolder, PortTaken or ServerSilent.
    """
    folder = demo_settings().data_dir
    if read_note(folder) is not None:
        supervisor.refuse_second(demo_settings())
    note = prepare(folder, machine_now().date(), reset=reset)
    settings = demo_settings(note)
    keep_settings(settings)
    with servers.running(folder, note.feeds_port, note.dav_port, note.password, note.day):
        if not note.told:
            _say("demo.making")
            _make(settings, note)
        _say("demo.starting")
        supervisor.up(settings, ready=lambda: _say_where(settings))


def _make(settings: Settings, note: Note) -> None:
    services = wiring.build(settings)
    try:
        migrate(services.database.engine)
        dav.fill(note.dav_port, note.password, note.day)
        story.tell(services, note, drain)
    finally:
        services.database.close()
    write_note(settings.data_dir, replace(note, told=True))


def drain(services: Services) -> None:
    """Nothing runs yet, so what is due is sent from here."""
    deliver.drain(services)


def _say(key: str) -> None:
    logs.say(log, WORDS(key))


def _say_where(settings: Settings) -> None:
    services = wiring.build(settings)
    try:
        sys.stdout.write("\n" + "\n".join(where.lines(services, WORDS)) + "\n")
        sys.stdout.flush()
    finally:
        services.database.close()
