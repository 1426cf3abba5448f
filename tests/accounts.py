"""What every surface says of one meeting, and what became of every mail."""

from __future__ import annotations

import html
from collections import Counter
from datetime import timedelta
from email.parser import BytesHeaderParser
from zoneinfo import ZoneInfo

from icalendar import Calendar
from sqlalchemy import func, select

from service.catalogue import Words
from service.domain.meeting import LIVE
from service.links import link_for
from service.operations.feeds import feed_link, make_feed
from service.store import writes
from service.store.tables import ApiToken, Inbound, Meeting, OutboxRow
from service.store.types import fingerprint
from tests.web.walk import text_of

OFF = "Not on any more"
SETTLED = {"sent", "cancelled", "dead", "uncertain"}


def let_in(session, now, people):
    """A token of the API for each, and the address of their feed."""
    for person in people:
        session.add(ApiToken(token_hash=fingerprint(f"token-{person.id}"), person_id=person.id, created_at=now))
        make_feed(session, now, person, None)


def told_alike(services, client, meeting_id):
    """Both people's pages, downloads and feeds, and the API, say the same of it as the row."""
    with services.database.write() as session:
        meeting, now = session.get(Meeting, meeting_id), services.clock()
        people = (meeting.pair.mentee, meeting.pair.mentor)
        about = {"pair_id": meeting.pair_id, "meeting_id": meeting.id}
        pages = {each.id: link_for(session, now, "meeting", each.id, **about).token for each in people}
        feeds = {each.id: feed_link(session, now, each) for each in people}
        feeds = {each.id: (feeds[each.id] or make_feed(session, now, each, None)).token for each in people}
        names = {meeting.uid, *(row.alias for row in writes.of_meetings(session, [meeting.id]))}
    off, answers = meeting.phase == "cancelled", []
    for me in people:
        page = html.unescape(text_of(client.get(f"/m/{pages[me.id]}")))
        assert Words.of(me.locale).moment(meeting.starts_at, ZoneInfo(me.zone)) in page
        assert (OFF in page) is off
        api = client.get(f"/api/v1/meetings/{meeting.id}", headers={"Authorization": f"Bearer token-{me.id}"}).json
        assert (api["start"], api["phase"]) == (f"{meeting.starts_at:%Y-%m-%dT%H:%M:%SZ}", meeting.phase)
        assert (api["uid"], api["sequence"]) == (meeting.uid, meeting.sequence)
        answers.append({each["email"]: each["partstat"] for each in api["attendees"]})
        _answer_shown(page, meeting, me, answers[-1], now)
        download = client.get(f"/m/{pages[me.id]}/meeting.ics")
        assert (download.status_code == 410) is off
        entries = [] if off else Calendar.from_ical(download.data).walk("VEVENT")
        fed = Calendar.from_ical(client.get(f"/feeds/{feeds[me.id]}.ics").data).walk("VEVENT")
        entries += [each for each in fed if each["uid"] in names]
        lately = meeting.phase in LIVE or now - max(meeting.starts_at, meeting.fixed_at) < timedelta(days=29)
        assert len(entries) >= (0 if not lately else 1 if off else 2)
        for entry in entries:
            assert (entry.decoded("dtstart"), int(entry["sequence"])) == (meeting.starts_at, meeting.sequence)
            assert (entry["status"] == "CANCELLED") is off
    assert answers[0] == answers[1]


def _answer_shown(page, meeting, me, answers, now):
    """What the other answered stands on the page of a meeting to come."""
    other = meeting.pair.other(me.id)
    if meeting.phase == "booked" and now < meeting.starts_at - timedelta(hours=1):
        for answer in ("ACCEPTED", "TENTATIVE"):
            said = Words.of(me.locale)(f"page.answer.{answer}", other=other.first_name)
            assert (said in page) is (answers[other.email] == answer)


def accounted_for(services, stored):
    """Every row of a mail has come to its end or waits for its time, with one mail for each that was sent, and of the
    others none that is not uncertain. Each of the `stored` mails that came in is decided."""
    ids = [BytesHeaderParser().parsebytes(mail.octets)["Message-ID"] for mail in services.mailer.sent]
    went = Counter(each[1:].partition("@")[0] for each in ids)
    with services.database.read() as session:
        for row in session.scalars(select(OutboxRow)):
            assert row.state in SETTLED or (row.state == "pending" and row.due_at > services.clock()), row.state
            count = went.pop(row.message_id, 0)
            assert count == 1 if row.state == "sent" else count <= (row.state == "uncertain"), (row.kind, row.state)
        assert not went
        states = dict(session.execute(select(Inbound.state, func.count()).group_by(Inbound.state)).all())
    assert sum(states.values()) == stored
    assert set(states) <= {"applied", "stale", "waiting", "ignored"}
