"""The services of this worker process."""

from __future__ import annotations

from service import settings, wiring
from service.settings import Settings
from service.wiring import Services

_made: list[Services] = []


def prepare(given: Settings) -> Services:
    """Makes the services of this process and of the jobs that it forks."""
    _made[:] = [wiring.build(given)]
    return _made[0]


def services() -> Services:
    """What `prepare` made; of the environment where nobody prepared."""
    return _made[0] if _made else prepare(settings.load())
