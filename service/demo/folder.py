"""The demo's folder: made, remembered, and taken away again; never a folder that holds anything else."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from service.demo.clock import MARK
from service.demo.programme import CONTACT, PROGRAMME
from service.demo.servers import free_port
from service.domain.errors import GreenroomError
from service.settings import KEPT_SETTINGS, Settings, load

DEFAULT_FOLDER = ".demo"
DISPATCH_SECONDS = "0.2"  # somebody watches the mailbox; a second is long then


class NotDemosFolder(GreenroomError):
    """The folder holds something that the demo did not make; it is left as it is."""

    code = "not_the_demos_folder"


@dataclass(frozen=True, slots=True)
class Note:
    """What the demo must know again when it is started a second time. `told`: the programme is complete."""

    made_on: str
    feeds_port: int
    dav_port: int
    password: str
    told: bool = False

    @property
    def day(self) -> date:
        return date.fromisoformat(self.made_on)


def demo_settings(note: Note | None = None) -> Settings:
    """The environment's settings, over the demo's: its folder here, its names, its own servers let through."""
    defaults = {
        "GREENROOM_DATA_DIR": DEFAULT_FOLDER,
        "GREENROOM_PROGRAMME": PROGRAMME,
        "GREENROOM_CONTACT": CONTACT,
        "GREENROOM_DISPATCH_SECONDS": DISPATCH_SECONDS,
        "GREENROOM_DEMO": "1",
    }
    if note is not None:
        defaults["GREENROOM_OUTBOUND_ALLOW"] = f"127.0.0.1:{note.feeds_port},127.0.0.1:{note.dav_port}"
    return load(defaults=defaults)


def read_note(folder: Path) -> Note | None:
    """None when the folder is not the demo's."""
    try:
        return Note(**json.loads((folder / MARK).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_note(folder: Path, note: Note) -> None:
    path = folder / MARK
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(note), indent=1) + "\n", encoding="utf-8")


def prepare(folder: Path, today: date, *, reset: bool) -> Note:
    """The note of a folder that is the demo's: as it stands, or made anew on `reset` and after an unfinished start.

    Raises NotDemosFolder when something else is in it.
    """
    note = read_note(folder)
    if note is None and folder.exists() and any(folder.iterdir()):
        raise NotDemosFolder(folder=str(folder))
    if note is not None and (reset or not note.told):
        shutil.rmtree(folder)
        note = None
    if note is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        note = Note(today.isoformat(), free_port(), free_port(), secrets.token_urlsafe(18))
        write_note(folder, note)
    return note


def keep_settings(settings: Settings) -> None:
    """So that other commands in this folder see the same demo: its clock, its port and its calendar servers."""
    kept = {
        "GREENROOM_DEMO": "1",
        "GREENROOM_PROGRAMME": settings.programme,
        "GREENROOM_CONTACT": settings.contact or CONTACT,
        "GREENROOM_DISPATCH_SECONDS": f"{settings.dispatch.total_seconds():g}",
        "GREENROOM_OUTBOUND_ALLOW": ",".join(sorted(settings.outbound_allow)),
        "PORT": str(settings.port),
    }
    lines = "".join(f"{name}={value}\n" for name, value in kept.items())
    (settings.data_dir / KEPT_SETTINGS).write_text(lines, encoding="utf-8")
