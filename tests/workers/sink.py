"""An SMTP server that may be killed: what it took stands in a file before it says so, and outlives it."""

import asyncio
import json
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from email import policy
from email.parser import BytesParser
from pathlib import Path

from aiosmtpd.smtp import SMTP
from icalendar import Calendar

NOT_NOW = 0.05  # of the mails are refused for now
WRITES_FOR = 0.01  # seconds at most until a mail stands in the file, and again until the answer


@dataclass(frozen=True)
class Taken:
    """One mail that the server took. `method`, `uid` and `sequence` are its calendar part's, if it has one."""

    recipient: str
    message_id: str
    method: str | None = None
    uid: str | None = None
    sequence: int | None = None


class Journal:
    """aiosmtpd's handler."""

    def __init__(self, path: Path) -> None:
        # One write of a line to the end of a file is whole or not there, and the kernel keeps it when we are killed.
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._dice = random.Random()

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(self._dice.uniform(0, WRITES_FOR))
        if self._dice.random() < NOT_NOW:
            return "451 not now"
        os.write(self._file, json.dumps(asdict(_read(envelope))).encode() + b"\n")
        await asyncio.sleep(self._dice.uniform(0, WRITES_FOR))
        return "250 kept"


def _read(envelope) -> Taken:
    message = BytesParser(policy=policy.default).parsebytes(envelope.content)
    message_id = str(message["Message-ID"]).strip("<>").partition("@")[0]
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            calendar = Calendar.from_ical(part.get_payload(decode=True))
            event = calendar.events[0]
            return Taken(
                envelope.rcpt_tos[0], message_id, str(calendar["METHOD"]), str(event["UID"]), int(event["SEQUENCE"])
            )
    return Taken(envelope.rcpt_tos[0], message_id)


def taken(path: Path) -> Iterator[Taken]:
    """In the order in which they were taken."""
    for line in path.read_text().splitlines():
        yield Taken(**json.loads(line))


def serve(port: int, path: Path) -> None:
    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(Journal(path), loop=loop), "127.0.0.1", port)
        async with server:
            await server.serve_forever()

    with suppress(KeyboardInterrupt):
        asyncio.run(forever())
