"""Zones that fuzzed files defined, from which the engine never came back: they are not known, and their events block
their time wherever on earth it is."""

from __future__ import annotations

import re

import pytest

from service.domain.busy import read_busy
from tests.domain.test_busy import FILES, REQUEST, told

WHOLE = (FILES / "custom_zone_defined.ics").read_bytes()
RULE_OF_AUTUMN = re.compile(rb"RRULE:[^\r\n]*BYMONTH=10[^\r\n]*")


@pytest.mark.parametrize(
    "lines",
    [
        b"RRULE:FREQ=YEARLY;BYMONTH=16;BYDAY=-1SU",
        b"RRULE:FREQ=YEARLY;BYMONTH=0;BYDAY=-1SU",
        b"RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEXDATE;TZID=Europe/Berlin:20261025T030000",
        b"RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEXRULE:FREQ=SECONDLY",
    ],
)
def test_a_zone_that_would_never_be_done_is_not_known(lines):
    strange = RULE_OF_AUTUMN.sub(lines, WHOLE)
    assert strange != WHOLE
    spans, _, partial = read_busy(strange, REQUEST)
    assert (told(spans), partial) == (["02-09T19:00/02-10T22:00"], True)


def test_the_zone_that_they_were_made_from_is():
    spans, _, partial = read_busy(WHOLE, REQUEST)
    assert (len(spans), partial) == (1, False)
    assert spans[0][1] - spans[0][0] == 3600
