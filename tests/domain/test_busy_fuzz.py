"""No calendar file makes the reader raise anything but a sentence, and none keeps it for long."""

from __future__ import annotations

import os
import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.busy import read_busy
from service.domain.errors import AdapterError
from tests.domain.test_busy import FILES, REQUEST, WINDOW

SOAK = bool(os.environ.get("GREENROOM_SOAK"))
INPUTS = 100_000 if SOAK else 2_000
MOST_SECONDS = 3.0  # of the processor, for one file, on a slow machine
MOST_MEMORY = 200 * 1024 * 1024
WHOLE = [path.read_bytes() for path in sorted(FILES.glob("*.ics"))]
PIECES = [line + b"\r\n" for whole in WHOLE for line in whole.splitlines()]
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 40),
        st.binary(max_size=12) | st.sampled_from([*PIECES, b"\r\n ", b";", b":", b'"', b"\xff", b"9" * 9]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def read(octets):
    """Everything that is said about a file: spans inside the window, or a sentence."""
    began = time.process_time()
    try:
        spans, _, _ = read_busy(octets, REQUEST)
    except AdapterError:
        spans = []
    low, high = WINDOW.span
    assert all(low <= start < end <= high for start, end in spans)
    assert time.process_time() - began < MOST_SECONDS


@settings(max_examples=INPUTS * 3 // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(whole=st.sampled_from(WHOLE), edits=EDITS)
def test_a_damaged_file_never_escapes_as_anything_but_a_sentence(whole, edits):
    for where, length, put in edits:
        at = int(where * len(whole))
        whole = whole[:at] + put + whole[at + length :]
    read(whole)


@settings(max_examples=INPUTS // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=st.lists(st.sampled_from(PIECES) | st.binary(max_size=40), max_size=40))
def test_lines_of_other_files_in_any_order_never_do(lines):
    inside = b"".join(lines)
    read(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n" + inside + b"END:VCALENDAR\r\n")


EVENT = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20270210T090000Z\r\n%sEND:VEVENT\r\nEND:VCALENDAR\r\n"
HUGE = {
    "a comment of 400 kB": EVENT % (b"COMMENT:" + b"x" * 400_000 + b"\r\n"),
    "2 MB of folds": EVENT % (b"COMMENT:" + b"x\r\n " * 500_000 + b"\r\n"),
    "30,000 lines": EVENT % (b"COMMENT:x\r\n" * 30_000),
    "2 MB of parameters": EVENT % (b"ATTENDEE" + b';X="y"' * 300_000 + b":x\r\n"),
    "30,000 exceptions": EVENT % (b"RRULE:FREQ=DAILY\r\n" + b"EXDATE:20270211T090000Z\r\n" * 30_000),
    "one value of 30,000 dates": EVENT % (b"RDATE:" + b"20270211T090000Z," * 30_000 + b"20270212T090000Z\r\n"),
    "components in components": b"BEGIN:VCALENDAR\r\n" * 50_000,
    "one line of 8 MB": b"x" * 8_000_000,
}


@pytest.mark.parametrize("name", list(HUGE))
def test_a_file_of_any_size_is_read_in_bounded_time(name):
    read(HUGE[name])


@pytest.mark.parametrize("name", list(HUGE) if SOAK else ["a comment of 400 kB"])
def test_a_file_of_any_size_is_read_in_bounded_memory(name):
    tracemalloc.start()
    try:
        with suppress(AdapterError):
            read_busy(HUGE[name], REQUEST)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
