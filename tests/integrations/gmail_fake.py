"""Gmail's `users.messages.send` as its document and its guides have it (gmail.v1.json, which ships in Google's client;
guides/sending, guides/handle-errors): what they do not name is refused."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from functools import cache

from tests.integrations.google_document import JSON, Refused, document_of

PATH = "/gmail/v1/users/me/messages/send"
MOST_RAW = 10 * 1024 * 1024


@dataclass
class GmailFake:
    """`taken` are the mails that it sent: recipient and octets. `enabled`: the account has Gmail at all."""

    enabled: bool = True
    taken: list[tuple[str, bytes]] = field(default_factory=list)

    def send(self, scopes: frozenset[str], content_type: str, content: bytes) -> JSON:
        """Raises Refused."""
        if not scopes & _accepted_scopes():
            raise Refused(403, "insufficientPermissions", "Insufficient Permission")
        if content_type.partition(";")[0] != "application/json":
            raise Refused(400, "badContent", "Unsupported content with type")
        if len(content) > MOST_RAW:
            raise Refused(413, "uploadTooLarge", "Request is too large.")
        asked = json.loads(content)
        if set(asked) - set(document_of("gmail.v1")["schemas"]["Message"]["properties"]):
            raise Refused(400, "invalid", "Invalid JSON payload received.")
        if not self.enabled:
            raise Refused(400, "failedPrecondition", "Mail service not enabled")
        octets = _decoded(asked.get("raw", ""))
        recipients = recipients_of(octets)
        if not recipients:
            raise Refused(400, "invalidArgument", "Recipient address required")
        self.taken += [(each, octets) for each in recipients]
        return {"id": f"{len(self.taken):016x}", "threadId": "18c0", "labelIds": ["SENT"]}


def recipients_of(octets: bytes) -> list[str]:
    head = BytesHeaderParser().parsebytes(octets)
    said = [str(each) for name in ("To", "Cc", "Bcc") for each in head.get_all(name, [])]
    return [address for _, address in getaddresses(said)]


@cache
def _accepted_scopes() -> frozenset[str]:
    messages = document_of("gmail.v1")["resources"]["users"]["resources"]["messages"]
    return frozenset(messages["methods"]["send"]["scopes"])


def _decoded(raw: str) -> bytes:
    """RFC 4648 5, as the document says, and nothing else."""
    try:
        return b64decode(raw.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "invalidArgument", "'raw' RFC822 payload message string is required") from None
