"""A real little DNS server on loopback: texts at names, over UDP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@contextmanager
def running(texts: dict[str, list[str]], *, silent: bool = False, rcode: int = dns.rcode.NOERROR) -> Iterator[int]:
    """Its port. `texts` are whole TXT records as a zone file writes them; a name that is not there does not exist."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    wire, client = server.recvfrom(4096)
                except TimeoutError:
                    continue
                if not silent:
                    server.sendto(_answer(wire, texts, rcode), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def _answer(wire: bytes, texts: dict[str, list[str]], rcode: int) -> bytes:
    query = dns.message.from_wire(wire)
    asked = query.question[0]
    answer = dns.message.make_response(query)
    answer.set_rcode(rcode)
    found = texts.get(asked.name.to_text(omit_final_dot=True))
    if found is None and rcode == dns.rcode.NOERROR:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    elif found and asked.rdtype == dns.rdatatype.TXT:
        answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "TXT", *found))
    return answer.to_wire()
