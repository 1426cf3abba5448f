"""The pages without JavaScript: forms filled in and sent as a browser would, and what is read on the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import urljoin

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


@dataclass
class Form:
    """One form of a page: its address as a browser resolves it, what it sends untouched, and its buttons."""

    method: str
    action: str
    fields: dict[str, str | list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def send(self, client, button=None, **typed):
        fields = {**self.fields, **dict([button] if button else []), **typed}
        if self.method == "get":
            return client.get(self.action.partition("?")[0], query_string=fields)
        return client.post(self.action, data=fields)


class _Forms(HTMLParser):
    def __init__(self, url):
        super().__init__()
        self.url, self.found, self._open, self._area, self._select = url, [], None, None, None

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        name, value = held.get("name"), held.get("value", "")
        if tag == "form":
            assert self._open is None, "a form in a form"
            action = urljoin(self.url, held.get("action", self.url)).partition("#")[0]
            self._open = Form(held.get("method", "get"), action)
            self.found.append(self._open)
        elif self._open is None:
            return
        elif tag == "button":
            self._open.buttons.append((name, value))
        elif tag == "textarea":
            self._area, self._open.fields[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in held or self._select not in self._open.fields):
            self._open.fields[self._select] = value
        elif tag == "input" and name and held.get("type") == "checkbox":
            if "checked" in held:  # several may have one name
                self._open.fields[name] = [*self._open.fields.get(name, []), value]
        elif tag == "input" and name and (held.get("type") not in {"radio", "file"} or "checked" in held):
            self._open.fields[name] = value

    def handle_endtag(self, tag):
        if tag == "form":
            self._open = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data):
        if self._area:
            self._open.fields[self._area] += data


def forms_of(response):
    """Every form of the page, in its order."""
    parser = _Forms(response.request.full_path.rstrip("?"))
    parser.feed(response.get_data(as_text=True))
    return parser.found


def first_card(response):
    return re.search(r'class="card best" href="([^"]+)"', response.get_data(as_text=True))[1].replace("&amp;", "&")


def book(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    location = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book")).headers["Location"]
    with services.database.read() as session:
        return location.split("/m/")[1].split("?")[0], session.scalars(select(Meeting)).one().id
