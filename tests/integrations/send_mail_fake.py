"""Graph's sendMail with a mail as MIME (learn.microsoft.com/graph/api/user-sendmail, outlook-send-mime-message): what
they do not name is refused."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, field

from tests.integrations.gmail_fake import recipients_of
from tests.integrations.graph_fake import GraphRefused

MOST_REQUEST = 4 * 1024 * 1024


@dataclass
class SendMailFake:
    """`taken` are the mails that it sent: recipient and octets."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)

    def send(self, scopes: frozenset[str], content_type: str, content: bytes) -> None:
        """Raises GraphRefused."""
        if "Mail.Send" not in scopes:
            raise GraphRefused(403, "ErrorAccessDenied")
        if content_type != "text/plain":
            raise GraphRefused(400, "RequestBodyRead")
        if len(content) > MOST_REQUEST:
            raise GraphRefused(413, "RequestEntityTooLarge")
        try:
            octets = b64decode(content, validate=True)
        except binascii.Error:
            raise GraphRefused(400, "ErrorMimeContentInvalidBase64String") from None
        recipients = recipients_of(octets)
        if not recipients:
            raise GraphRefused(400, "ErrorInvalidRecipients")
        self.taken += [(each, octets) for each in recipients]
