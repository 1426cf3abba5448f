"""The pages without JavaScript: forms filled in and sent as a browser would, and what is read on the answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import select

from service.links import link_for
from service.store import outbox
from service.store.tables import Meeting, OutboxRow
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
SECRET = "SECRET-LABEL"


def link(services, purpose, person_id, **subject):
    with services.database.write() as session:
        return link_for(session, services.clock(), purpose, person_id, **subject).token


def add_mail(services, state, error=None, due_at=NOW):
    """A mail to Ana in this state; its id."""
    with services.database.write() as session:
        ana = cast.person(session, NOW, "ana")
        key = f"{state}-{error}"
        outbox.add(session, NOW, "links", ana.id, dedup=key, due_at=due_at)
        row = session.query(OutboxRow).filter_by(dedup_key=key).one()
        row.state, row.last_error = state, error
        return row.id


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.get_data(as_text=True)))


def form_of(response, submit):
    """The fields of the page's form with this submit value, as a browser would send them."""
    html = response.get_data(as_text=True)
    fields = {}
    for found in re.finditer(r"<(input|textarea)([^>]*)>([^<]*)", html):
        attributes = dict(re.findall(r'([\w.-]+)="([^"]*)"', found[2]))
        if "name" in attributes and attributes.get("type") not in {"checkbox", "radio", "submit", "file"}:
            fields[attributes["name"]] = attributes.get("value", found[3].strip() if found[1] == "textarea" else "")
    fields["action"] = submit
    return fields


def first_card(response):
    return re.search(r'class="card best" href="([^"]+)"', response.get_data(as_text=True))[1].replace("&amp;", "&")


def book(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    location = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book")).headers["Location"]
    with services.database.read() as session:
        return location.split("/m/")[1].split("?")[0], session.scalars(select(Meeting)).one().id
