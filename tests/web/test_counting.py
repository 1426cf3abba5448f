"""Requests are counted by several threads at once."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from limits import parse
from limits.strategies import FixedWindowRateLimiter

from service.web.counting import CountsHere

THREADS, EACH = 8, 40
ALL = parse(f"{THREADS * EACH} per hour")


def test_threads_that_count_at_once_all_count():
    limiter, together = FixedWindowRateLimiter(CountsHere()), Barrier(THREADS, timeout=10)

    def count(_thread):
        within = []
        for _ in range(EACH):
            time.sleep(0.011)  # the library's timer has ended, and everybody finds it so
            together.wait()
            within.append(limiter.hit(ALL, "somebody"))
        return within

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            assert all(all(within) for within in threads.map(count, range(THREADS)))
    finally:
        sys.setswitchinterval(before)
    assert not limiter.hit(ALL, "somebody")
