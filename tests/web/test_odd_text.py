"""What no browser sends: a NUL and three hundred figures in each field of each form. PostgreSQL takes neither a NUL in
text nor more characters than a column has."""

from html.parser import HTMLParser
from importlib import import_module

import pytest
from limits import parse

from service.store.tables import Pair
from tests.web.walk import book, first_card, link

pytestmark = pytest.mark.databases

ODD = "9\0" + "9" * 300
ENDS = ("/cancel", "/decline")  # what they take is what a move takes, and after them nothing else is asked
LEAST_FIELDS = 60  # on all of the pages; fewer would mean that the forms were not found


class Forms(HTMLParser):
    """Every form that posts: its address and its fields as a browser would send them."""

    def __init__(self, html):
        super().__init__()
        self.found, self._fields = [], None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self._fields = {}
            if given.get("method") == "post":
                self.found.append((given.get("action", ""), self._fields))
        elif self._fields is not None and given.get("name") and given.get("type") != "file":
            self._fields.setdefault(given["name"], given.get("value") or "")


def test_nothing_that_is_typed_is_a_fault_of_ours(services, client, ana, caplog, monkeypatch):
    for limit in ("PER_LINK", "PER_ADDRESS"):
        monkeypatch.setattr(import_module("service.web.page"), limit, parse("10000 per minute"))
    with services.database.read() as session:
        pair_id, mentee_id = ana[1], session.get_one(Pair, ana[1]).mentee_id
    token, meeting_id = book(services, client, ana)
    pages = ["/", first_card(client.get(f"/s/{ana[0]}")), f"/s/{ana[0]}"]  # whose forms may hold that very time
    pages += [f"/connect/{link(services, 'connect', mentee_id)}", f"/p/{link(services, 'person', mentee_id)}"]
    pages.append(f"/f/{link(services, 'followup', mentee_id, pair_id=pair_id, meeting_id=meeting_id)}")
    pages += [f"/m/{token}/move", f"/m/{token}"]
    tried = 0
    for address in pages:
        answer = client.get(address)
        assert answer.status_code == 200, address
        for action, fields in Forms(answer.get_data(as_text=True)).found:
            if action.endswith(ENDS):
                continue
            for name in fields:
                got = client.post(action or address, data=fields | {name: ODD})
                assert got.status_code < 429, (action or address, name, caplog.text[-2000:])
                tried += 1
    assert tried >= LEAST_FIELDS
