"""Several calendars of one connection, asked at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from service.domain.errors import AdapterError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def ask_each(asked: Sequence[Asked], ask: Callable[[Asked], Answer], at_once: int) -> list[Answer | AdapterError]:
    """What `ask` returns or raises of each, in their order. Where one is told to wait, those not asked yet are left
    alone and get that fault: they are on the same server."""
    pauses: list[AdapterError] = []

    def one(each: Asked) -> Answer | AdapterError:
        if pauses:
            return pauses[0]
        try:
            return ask(each)
        except AdapterError as fault:
            if fault.retry_after is not None or fault.code == "throttled":
                pauses.append(fault)
            return fault

    if min(at_once, len(asked)) < 2:
        return [one(each) for each in asked]
    with ThreadPoolExecutor(min(at_once, len(asked)), thread_name_prefix="calendars") as pool:
        return list(pool.map(one, asked))


def left(deadline: float) -> timedelta:
    """Until a moment of `time.monotonic`, and never nothing: whoever gets it notices that it is over."""
    return timedelta(seconds=max(0.01, deadline - time.monotonic()))
