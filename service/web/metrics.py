"""/metrics for Prometheus: what rows tell at the moment of the scrape, and what this web server measured itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from flask import Blueprint, Response
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from service.operations import figures
from service.operations.figures import Figures
from service.store.send_times import BEYOND, BOUNDS_MS
from service.web.page import now, reading, words
from service.wiring import utc_now

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> AnyResponse:
    """503 while the database does not answer: a scrape that fails is an alert by itself, old figures would not be."""
    try:
        with reading() as session:
            told = figures.load(session, now(), utc_now())
    except DBAPIError:
        return Response(words()("error.database") + "\n", 503, content_type="text/plain; charset=utf-8")
    age = None if told.verified is None else (now() - told.verified).total_seconds()
    # The library's own registry would add what this process happens to be, of the several that serve.
    return Response(generate_latest(_Told(told, age)), content_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True, slots=True)
class _Told(Collector):
    figures: Figures
    refresh_age: float | None

    def collect(self) -> Iterator[Metric]:
        told = self.figures
        yield GaugeMetricFamily(
            "greenroom_outbox_oldest_overdue_seconds",
            "How long the oldest mail that is due waits to be sent; 0 when none does.",
            told.overdue.total_seconds(),
        )
        yield _by("greenroom_outbox_rows", "Mails in the outbox.", "state", told.outbox)
        yield _sends(told)
        age = GaugeMetricFamily(
            "greenroom_refresh_age_seconds",
            "Since the calendar was verified that waits longest, of those that can be read; absent without one.",
        )
        if self.refresh_age is not None:
            age.add_metric([], self.refresh_age)
        yield age
        yield _by("greenroom_connections", "Connected calendars' sources.", "state", told.connections)
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
    buckets: list[tuple[str, float]] = []
    for bound in (*BOUNDS_MS, BEYOND):
        within = sum(count for upto, count in told.sends.items() if upto <= bound)
        buckets.append(("+Inf" if bound == BEYOND else str(bound / 1000), within))
    family.add_metric([], buckets, told.sends_took.total_seconds())
    return family
