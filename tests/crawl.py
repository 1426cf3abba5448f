"""Every page that some addresses lead to, one of each shape."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

MOST_PAGES = 60


class Addresses(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.found = url, []

    def handle_starttag(self, tag, attrs):
        href = dict(attrs).get("href")
        if (
            tag == "a"
            and href
            and urlsplit(href).scheme != "mailto"
            and urlsplit(href).netloc in {"", "localhost:8080"}
        ):
            self.found.append(urljoin(self.url, urlsplit(href)._replace(scheme="", netloc="", fragment="").geturl()))


def crawl(client, waiting: list[str]) -> list[tuple[str, str]]:
    shapes, told = set(), []
    while waiting and len(told) < MOST_PAGES:
        url = waiting.pop(0)
        parts = urlsplit(url)
        shape = (parts.path, tuple(sorted(parse_qs(parts.query))))
        if shape in shapes:
            continue
        shapes.add(shape)
        answer = client.get(url)
        if answer.mimetype in {"application/pdf", "application/zip"}:
            continue
        assert answer.status_code < 500, url
        text = answer.get_data(as_text=True)
        told.append((url, text))
        if answer.mimetype == "text/html":
            page = Addresses(url)
            page.feed(text)
            waiting += page.found
    return told
