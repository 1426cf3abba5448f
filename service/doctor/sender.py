"""What DNS says of the domain that mail comes from, in plain words and with a record to copy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from service.doctor.rows import WORDS, Row
from service.domain import mail_domain
from service.domain.errors import AdapterError
from service.domain.mail_domain import Finding
from service.ports import TextRecords
from service.settings import Settings

TOGETHER = timedelta(seconds=5)


def domain(settings: Settings, records: TextRecords) -> Iterator[Row]:
    """SPF, DKIM and DMARC, all together within five seconds; nothing where mail stays in the local mailbox."""
    if settings.mail_stays:
        return
    name = settings.mail_address.rpartition("@")[2]
    if mail_domain.is_reserved(name):
        yield Row("sender", "broken", WORDS("doctor.sender.reserved", domain=name))
        return
    ask = _within(records, TOGETHER)
    if not _answers(ask, name):
        yield from (Row(part, "unknown", WORDS("doctor.dns.silent", domain=name)) for part in ("spf", "dkim", "dmarc"))
        return
    yield _row("spf", name, lambda: _spf(ask, name))
    if settings.dkim_selector is None:
        yield Row("dkim", "unknown", WORDS("doctor.dkim.no_selector"))
    else:
        at = f"{settings.dkim_selector}._domainkey.{name}"
        yield _row("dkim", name, lambda: mail_domain.dkim(ask(at) or ()), at=at)
    yield _row("dmarc", name, lambda: _dmarc(ask, name))


Ask = Callable[[str], tuple[str, ...] | None]


def _within(records: TextRecords, total: timedelta) -> Ask:
    """Look-ups that share one span of time."""
    deadline = time.monotonic() + total.total_seconds()

    def ask(name: str) -> tuple[str, ...] | None:
        return records.texts(name, timedelta(seconds=max(0.01, deadline - time.monotonic())))

    return ask


def _answers(ask: Ask, name: str) -> bool:
    """Whether the world's DNS answers: the resolver of a closed network may say of every name that there is none, of
    `org` too."""
    try:
        return ask(name) is not None or ask(name.rpartition(".")[2]) is not None
    except AdapterError:
        return False


def _spf(ask: Ask, name: str) -> Finding:
    texts = ask(name)
    return Finding("broken", "no_domain") if texts is None else mail_domain.spf(texts)


def _dmarc(ask: Ask, name: str) -> Finding:
    nearest = (mail_domain.dmarc(ask(at) or ()) for at in mail_domain.dmarc_names(name))
    return next((found for found in nearest if found is not None), Finding("look", "missing"))


def _row(part: str, domain: str, find: Callable[[], Finding], at: str = "") -> Row:
    try:
        found = find()
    except AdapterError:
        return Row(part, "unknown", WORDS("doctor.dns.silent", domain=domain))
    told = f".{found.policy}" if found.policy else ""
    return Row(part, found.state, WORDS(f"doctor.{part}.{found.code}{told}", domain=domain, at=at))
