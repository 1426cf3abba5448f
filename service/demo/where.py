"""Where a newcomer looks: the lines that the demo ends its start with."""

from __future__ import annotations

import getpass
import socket

from service import links
from service.catalogue import Words
from service.demo.programme import ana, ben, cleo, jonas
from service.demo.story import whom_to_show
from service.operations import coordinators, people, personal_links
from service.operations.people import PersonInput
from service.store.tables import Pair
from service.wiring import Services


def lines(services: Services, words: Words) -> list[str]:
    """Links that work now, the same ones at every start."""
    settings, now = services.settings, services.clock()
    told = whom_to_show(services)
    with services.database.write() as session:
        pair = session.get_one(Pair, told.pair_id)
        page = personal_links.scheduling_link(session, now, pair, "practice", told.date_id)
        bens = links.link_for(session, now, "person", pair.mentor_id)
        for each in (ana, jonas):  # behind the strip of every demo page
            links.link_for(session, now, "person", people.load_person(session, each.email).id)
        who = coordinators.appoint(session, now, PersonInput(cleo.email, cleo.name, cleo.zone))
        theirs = coordinators.programme_link(session, now, who)
        pick, mentor, programme = (links.url_of(settings.base_url, each) for each in (page, bens, theirs))
    machine = f"{getpass.getuser()}@{socket.gethostname()}"
    here = [words("demo.ready"), "", words("demo.pick", url=pick)]
    if settings.mail_stays:
        mailbox = f"{settings.base_url}/mailbox?person={ben.email}"
        here += [words("demo.mailbox", url=mailbox), words("demo.jump")]
        last = words("demo.private", port=settings.port, machine=machine)
    else:
        host = settings.smtp.host if settings.smtp is not None else settings.mail_transport
        here += [words("demo.mail_server", host=host), words("demo.clock")]
        last = words("demo.leaves", host=host, port=settings.port, machine=machine)
    return [*here, words("demo.mentor", url=mentor), words("demo.programme", url=programme), "", last]
