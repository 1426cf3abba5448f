"""An SMTP server in a process of its own that takes every mail and forgets it. Argument: its port.

aiosmtpd is a tool of development: without it this part of the bench is left out.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """aiosmtpd's handler."""

    async def handle_DATA(  # noqa: N802 - aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return "250 kept nowhere"


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Sink()), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(serve(int(sys.argv[1])))
