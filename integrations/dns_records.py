"""Texts that a domain publishes in DNS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import dns.name
import dns.resolver
from dns.exception import DNSException

from service.domain.errors import AdapterError


class DnsRecords:
    """ports.TextRecords over this machine's resolvers, or over those that are given by address."""

    def __init__(self, resolvers: Sequence[str] = (), port: int = 53) -> None:
        self._resolvers, self._port = list(resolvers), port

    def texts(self, name: str, timeout: timedelta) -> tuple[str, ...] | None:
        try:
            answer = self._resolver().resolve(
                dns.name.from_text(name), "TXT", lifetime=timeout.total_seconds(), search=False
            )
        except dns.resolver.NXDOMAIN:
            return None
        except dns.resolver.NoAnswer:
            return ()
        except (DNSException, OSError) as fault:
            raise AdapterError("dns_silent", permanent=False) from fault
        # A text longer than 255 octets comes in pieces, joined without a space (RFC 7208 3.3).
        return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in answer)

    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._resolvers)
        if self._resolvers:
            resolver.nameservers, resolver.port = self._resolvers, self._port
        return resolver
