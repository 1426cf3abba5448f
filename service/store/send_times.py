"""How long the mail server took for each mail that it accepted, as counts: written once a batch, read by /metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from service.store.tables import SendTime

BOUNDS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
BEYOND = 2**31 - 1  # whatever took longer than the last bound


def add(session: Session, took: Sequence[timedelta]) -> None:
    """Adds what a batch took. Several workers may do so at once: rows are touched in one order."""
    counts: Counter[int] = Counter()
    totals: Counter[int] = Counter()
    for each in took:
        ms = round(each / timedelta(milliseconds=1))
        bound = (*BOUNDS_MS, BEYOND)[bisect_left(BOUNDS_MS, ms)]
        counts[bound] += 1
        totals[bound] += ms
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    for bound in sorted(counts):
        statement = insert(SendTime).values(upto_ms=bound, mails=counts[bound], total_ms=totals[bound])
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["upto_ms"],
                set_={
                    "mails": SendTime.mails + statement.excluded.mails,
                    "total_ms": SendTime.total_ms + statement.excluded.total_ms,
                },
            )
        )


def load(session: Session) -> tuple[list[int], timedelta]:
    """How many took at most each of BOUNDS_MS and more than the one before, how many took longer, and the sum."""
    counts, total = [0] * (len(BOUNDS_MS) + 1), 0
    for row in session.execute(select(SendTime.upto_ms, SendTime.mails, SendTime.total_ms)):
        counts[bisect_left(BOUNDS_MS, row.upto_ms)] += row.mails
        total += row.total_ms
    return counts, timedelta(milliseconds=total)
