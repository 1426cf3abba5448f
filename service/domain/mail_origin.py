"""Whether a mail is from the domain in its From, as our own mail server found it: Authentication-Results (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message

from service.domain.received import sender_of

LONGEST_RESULTS = 8000  # characters: filters write their scores into comments
METHOD = re.compile(r"^([a-z0-9_-]+)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)\b")
PROPERTY = re.compile(r"\b((?:header|smtp)\.[a-z0-9_-]+)\s*=\s*([^\s;]+)")
# What each method vouches for: SPF the envelope's sender, DKIM who signed (RFC 8601 2.7; `i` where `d` is not told).
VOUCHED = {"spf": ("smtp.mailfrom", "smtp.helo"), "dkim": ("header.d", "header.i")}


def is_proved(message: Message, authserv_id: str) -> bool:
    """Whether the topmost results in our server's name say that the mail is from the domain in its From: by DMARC, or
    else by SPF or DKIM for that domain, the one above it or one below it. Without results nothing is proved.

    What stands further down, or in another's name, whoever sent the mail may have written (RFC 8601 7.1).
    """
    domain = sender_of(message).rpartition("@")[2]
    ours = (text for each in message.get_all("Authentication-Results", []) if (text := _named(each, authserv_id)))
    results = list(_results(next(ours, "")))
    if not domain or not results:
        return False
    dmarc = {(result, about.get("header.from", domain)) for method, result, about in results if method == "dmarc"}
    if dmarc & {("pass", domain), ("fail", domain)}:
        return dmarc == {("pass", domain)}
    return any(
        result == "pass" and _aligned(next(filter(None, map(about.get, VOUCHED[method])), ""), domain)
        for method, result, about in results
        if method in VOUCHED
    )


def _named(written: object, authserv_id: str) -> str:
    """The results, without comments, when they are of that server; else nothing."""
    name, _, rest = _bare(str(written)[:LONGEST_RESULTS].lower()).partition(";")
    return rest if name.split()[:1] == [authserv_id.lower()] else ""


def _bare(text: str) -> str:
    """Without comments (RFC 5322 3.2.2). In a quoted string only what an address holds stays as it is: a sender may be
    called `"; dmarc=pass"@example.com`."""
    kept, depth, quoted, escaped = [], 0, False, False
    for char in text:
        if escaped or (char == "\\" and (quoted or depth)):
            escaped = not escaped
        elif char == '"' and not depth:
            quoted = not quoted
        elif char in "()" and not quoted:
            depth = max(0, depth + (1 if char == "(" else -1))
            kept.append(" ")
        elif quoted:
            kept.append(char if char.isalnum() or char in "@._+-" else "_")
        elif not depth:
            kept.append(char)
    return "".join(kept)


def _results(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    for each in text.split(";"):
        found = METHOD.match(each.strip())
        if found is not None:
            yield found[1], found[2], dict(PROPERTY.findall(each))


def _aligned(vouched: str, domain: str) -> bool:
    """DMARC's relaxed alignment (RFC 7489 3.1), without a list of what anybody can register: one below the other."""
    at = vouched.rpartition("@")[2].strip("<>.")
    return bool(at) and (at == domain or at.endswith(f".{domain}") or domain.endswith(f".{at}"))
