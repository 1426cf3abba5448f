"""Every page that a mail leads to, on a phone without JavaScript: from the first invitation to a reply that waits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from service.operations import booking, followup, inbound, people, personal_links, proposing
from service.operations.offering import SlotQuery
from service.operations.proposing import ProposalInput
from service.store.tables import Meeting
from service.web import create_app
from tests import cast
from tests.browser.test_story import NOW, PHONE, Visit
from tests.fakes import MemoryMailer
from tests.operations.test_plain_replies import forwarded
from tests.web.walk import book
from workers.deliver import drain

pytestmark = pytest.mark.browser
AGE = timedelta(hours=1)


def lived(site):
    """Ana and Ben from the welcome to what came of a meeting, with a time offered, one declined, and a mail that
    waits: the addresses in all mails, by the kind of page."""
    box = replace(site, mailer=MemoryMailer())
    with box.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        people.queue_welcome(session, NOW, pair)
        talk = cast.talk(session, NOW, pair)
        ana = personal_links.scheduling_link(session, NOW, pair, "practice", talk.id).token, pair.id, talk.id
        pair_id, mentee_id, mentor_id = pair.id, pair.mentee_id, pair.mentor_id
        personal_links.queue_links_mail(session, NOW, "ana@example.org")
        waits = inbound.receive(session, NOW, forwarded("ana@example.org"))
        assert inbound.decide(session, NOW, AGE, waits) == "waiting"
    _, meeting_id = book(box, create_app(box).test_client(), ana)
    drain(box)
    with box.database.write() as session:
        starts = session.get(Meeting, meeting_id).starts_at
    while box.clock.now < starts + timedelta(days=1):
        box.clock.advance(hours=8)
        with box.database.write() as session:
            followup.run_due(session, box.clock.now)
        drain(box)
    with box.database.write() as session:
        said = ProposalInput((starts + timedelta(days=7),), mentor_id)
        proposing.propose(session, box.clock.now, AGE, SlotQuery(pair_id, "check-in", reader="mentor"), said)
        wanted = booking.BookingInput(start=starts + timedelta(days=14), by_id=mentee_id)
        later = booking.book(session, box.clock.now, AGE, SlotQuery(pair_id, "check-in"), wanted).id
    drain(box)
    with box.database.write() as session:
        booking.decline(session, box.clock.now, session.get(Meeting, later), mentor_id)
    box.clock.advance(hours=16)
    drain(box)
    mails = [message_from_bytes(mail.octets, policy=policy.default) for mail in box.mailer.sent]
    texts = [mail.get_body(("plain",)).get_content() for mail in mails]
    base = re.escape(site.settings.base_url)
    return sorted({url for text in texts for url in re.findall(rf"{base}/[^\s<>)]+", text)})


def test_every_page_that_a_mail_leads_to_on_a_phone_without_javascript(chromium, site):
    urls = lived(site)
    kinds = {re.match(r"https?://[^/]+/([a-z]+)/", url)[1] for url in urls}
    assert {"s", "m", "f", "p"} <= kinds
    visit = Visit(chromium, PHONE, javascript=False)
    for url in urls:
        visit.page.goto("about:blank")  # else another place of the same page is no visit
        answer = visit.page.goto(url)
        assert answer.status in {200, 410}, url
        visit.look()
        wide = visit.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], url
    words = next(url for url in urls if url.endswith("#words"))  # what waits for its author's yes
    visit.page.goto("about:blank")
    visit.page.goto(words)
    visit.page.locator("#words").get_by_role("button", name="Yes, prepare for it with Ben").click()
    assert visit.page.locator("#words").count() == 0
