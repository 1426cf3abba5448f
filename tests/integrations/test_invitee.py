"""A real calendar server as the invitee: it takes our invitation by mail, answers by mail, and we read its answer."""

from __future__ import annotations

import smtplib
import time
from datetime import UTC, datetime, timedelta
from urllib.request import Request, urlopen

import pytest

from service.operations import booking, inbound
from service.operations.booking import BookingInput
from service.operations.meetings import attendance_of
from service.operations.offering import SlotQuery
from service.store.tables import Inbound, Meeting
from tests import cast, smtp
from tests.integrations import servers
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
ADDRESS = """<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:set><D:prop><C:calendar-user-address-set><D:href>mailto:ben@example.org</D:href></C:calendar-user-address-set></D:prop></D:set>
</D:propertyupdate>"""


def ask(method, url, body=b"", **headers):
    asked = Request(url, data=body or None, method=method, headers={"Content-Type": "text/calendar", **headers})
    with urlopen(asked, timeout=10) as answer:
        return answer.read()


def until(found, seconds=15.0):
    """The first answer that is not empty."""
    end = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < end:
        time.sleep(0.1)
    return answer


@pytest.fixture
def invited(services):
    """Ana's meeting with Ben: its id, and the mail that he got."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        wanted = BookingInput(start=START, by_id=pair.mentee_id)
        meeting_id = booking.book(session, NOW, AGE, SlotQuery(pair.id, "check-in"), wanted).id
    drain(services)
    return meeting_id, next(mail.octets for mail in services.mailer.sent if mail.recipient == "ben@example.org")


@pytest.mark.parametrize(("partstat", "phase"), [("ACCEPTED", "booked"), ("DECLINED", "cancelled")])
def test_xandikos_takes_our_invitation_and_we_its_answer(services, invited, tmp_path, partstat, phase):
    meeting_id, raw = invited
    lmtp = smtp.free_port()
    with smtp.running() as (sink, port):
        out = ("--imip-send", "smtp", "--smtp-host", "127.0.0.1", "--smtp-port", str(port))
        who = ("--smtp-from", "ben@example.org", "--imip-listen", f"127.0.0.1:{lmtp}")
        with servers.xandikos(tmp_path, "/ben/", "--defaults", *out, *who) as host:
            ask("PROPPATCH", f"http://{host}/ben/", ADDRESS.encode(), **{"Content-Type": "text/xml"})
            with smtplib.LMTP("127.0.0.1", lmtp) as door:
                door.sendmail("meet@example.org", ["ben@example.org"], raw)
            listed = ask("PROPFIND", f"http://{host}/ben/calendars/calendar/", Depth="1").decode()
            [path] = {each.split("<")[0] for each in listed.split("href>") if each.split("<")[0].endswith(".ics")}
            held = ask("GET", f"http://{host}{path}").decode()
            lines = held.replace("\r\n ", "").split("\r\n")
            mine = [
                line.replace("NEEDS-ACTION", partstat) if line.lower().endswith("mailto:ben@example.org") else line
                for line in lines
            ]
            ask("PUT", f"http://{host}{path}", "\r\n".join(mine).encode())
            [(_, answer)] = until(lambda: sink.taken)
    with services.database.write() as session:
        row_id = inbound.receive(session, NOW, answer)
        inbound.decide(session, NOW, AGE, row_id)
        row, meeting = session.get(Inbound, row_id), session.get(Meeting, meeting_id)
        assert (row.state, row.verdict) == ("applied", partstat.lower())
        assert (meeting.phase, attendance_of(session, meeting)[meeting.pair.mentor_id]) == (phase, partstat)
