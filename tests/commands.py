"""The cast as the command line and its files write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service.store import sealed_file

ANA, BEN = "Ana Lima <ana@example.org>", "Ben Okafor <ben@example.org>"
PAIR = (
    "pair",
    "add",
    "--mentee",
    ANA,
    "--mentee-zone",
    "Europe/Lisbon",
    "--mentor",
    BEN,
    "--mentor-zone",
    "America/New_York",
)
HEADER = "mentee_name,mentee_email,mentee_zone,mentor_name,mentor_email,mentor_zone,place\n"
ROW = "Ana Lima,ana@example.org,Europe/Lisbon,Ben Okafor,ben@example.org,America/New_York,Room 5\n"
EVE = "Eve Sato,eve@example.org,Europe/Paris,Ben Okafor,ben@example.org,America/New_York,\n"


@contextmanager
def cheap_backups() -> Iterator[None]:
    """Guessing a passphrase is cheap meanwhile: most tests are about something else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_file, "COST", 4)
        yield
