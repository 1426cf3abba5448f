"""/metrics for Prometheus: what rows tell at the moment of the scrape, and what this web server measured itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate

from flask import Blueprint, Response
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from service.operations import figures
from service.operations.figures import Figures
from service.store.send_times import BOUNDS_MS
from service.web.offers import ASKERS, BOUNDS, SlotTimes, slot_times
from service.web.page import now, reading, services, words

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> AnyResponse:
    """503 while the database does not answer: a scrape that fails is an alert by itself, old figures would not be."""
    try:
        with reading() as session:
            told = figures.load(session, now(), services().machine_clock())
    except DBAPIError:
        return Response(words()("error.database") + "\n", 503, content_type="text/plain; charset=utf-8")
    age = None if told.verified is None else (now() - told.verified).total_seconds()
    # The library's own registry would add what this process happens to be, of the several that serve.
    return Response(generate_latest(_Told(told, age, slot_times())), content_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True, slots=True)
class _Told(Collector):
    figures: Figures
    refresh_age: float | None
    slots: SlotTimes

    def collect(self) -> Iterator[Metric]:
        told = self.figures
        yield GaugeMetricFamily(
            "greenroom_outbox_oldest_overdue_seconds",
            "How long the oldest mail that is due waits to be sent; 0 when none does.",
            told.overdue.total_seconds(),
        )
        yield GaugeMetricFamily(
            "greenroom_meetings_oldest_due_seconds",
            "How long the row waits to be looked at whose timer ran out first; 0 when none does.",
            told.unswept.total_seconds(),
        )
        yield _by("greenroom_outbox_rows", "Mails in the outbox.", "state", told.outbox)
        yield GaugeMetricFamily(
            "greenroom_outbox_held", "Of the pending mails, those that a restore holds back for a person.", told.held
        )
        yield _sends(told)
        yield _slots(self.slots)
        age = GaugeMetricFamily(
            "greenroom_refresh_age_seconds",
            "Since the calendar was verified that waits longest, of those that can be read; absent without one.",
        )
        if self.refresh_age is not None:
            age.add_metric([], self.refresh_age)
        yield age
        yield _by("greenroom_connections", "Connected calendars' sources.", "state", told.connections)
        yield _by("greenroom_calendar_events", "Meetings' events in people's own calendars.", "state", told.events)
        yield _by("greenroom_parts_alive", "Processes that said lately that they live.", "part", told.alive)
        yield InfoMetricFamily("greenroom_build", "What runs.", {"version": version("greenroom")})


def _by(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _sends(told: Figures) -> Metric:
    family = HistogramMetricFamily(
        "greenroom_send_seconds", "Of each mail that the server accepted: from our first word about it to its answer."
    )
    seconds = [bound / 1000 for bound in BOUNDS_MS]
    family.add_metric([], _buckets(seconds, told.sends), told.sends_took.total_seconds())
    return family


def _slots(times: SlotTimes) -> Metric:
    family = HistogramMetricFamily(
        "greenroom_slot_seconds", "Finding times, by who asked; of this web server alone.", labels=["by"]
    )
    for asker in ASKERS:
        counts, total = times.load(asker)
        family.add_metric([asker], _buckets(BOUNDS, counts), total)
    return family


def _buckets(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    """Prometheus counts up: each bucket holds those below it too, the last one all."""
    return list(zip([*map(str, bounds), "+Inf"], accumulate(counts), strict=True))
