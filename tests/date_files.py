"""Calendar files of one occasion, as programs and people get them wrong."""

from __future__ import annotations

from datetime import datetime

START = "DTSTART:20270304T150000Z\r\n"
THREE, FOUR = datetime(2027, 3, 4, 15), datetime(2027, 3, 4, 16)
UNREADABLE = [
    "DTSTART:garbage\r\nDTEND:20270304T160000Z\r\nSUMMARY:T",
    "DTSTART:",
    "DTSTART:00010101T000000Z",
    "DTSTART;TZID=Nowhere/At:2027",
    "DTSTART;VALUE=PERIOD:20270304T150000Z/PT1H",
    "DTSTART;VALUE=DURATION:PT1H",
    "DTSTART;VALUE=TIME:150000",
    "DTSTART;VALUE=TEXT:soon",
    "DTSTART;VALUE=URI:http://x",
    "DTSTART;VALUE=BINARY:AAAA",
    "DTSTART;VALUE=BOOLEAN:TRUE",
    "DTSTART;VALUE=INTEGER:5",
    "DTSTART;VALUE=FOO:5",
    "DTSTART:garbage\r\n" + START,
    START + "DTEND:junk",
    START + "DTEND;VALUE=TIME:160000",
    START + "DTEND;VALUE=DURATION:PT1H",
]
ODD = {  # what is read of it in Lisbon: start, end, label
    START + "DTSTART:20270305T150000Z": (THREE, None, None),
    START + "DTEND:20270304T160000Z\r\nDTEND:20270304T170000Z": (THREE, FOUR, None),
    START + "SUMMARY:A\r\nSUMMARY:B": (THREE, None, "A"),
    START + "SUMMARY;VALUE=BINARY;ENCODING=BASE64:AAAA": (THREE, None, None),
    "DTSTART;TZID=UTC:20270304T150000": (THREE, None, None),
    "DTSTART;TZID=:20270304T150000": (THREE, None, None),
    "DTSTART;TZID=Foo/Bar:20270304T150000": (THREE, None, None),
    "DTSTART;VALUE=DATE:20270304\r\nDTEND:20270304T160000Z": (datetime(2027, 3, 4, 9), FOUR, None),
    "DTSTART:99991231T235959Z": (datetime(9999, 12, 31, 23, 59, 59), None, None),
}


def event_file(lines: str) -> bytes:
    """A file with one event that has these lines."""
    event = f"BEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20270101T000000Z\r\n{lines}\r\nEND:VEVENT\r\n"
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event}END:VCALENDAR\r\n".encode()
