"""Mail handed to Microsoft Graph (learn.microsoft.com/graph/api/user-sendmail, with the mail as MIME)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from integrations.api_mail import ApiMailer
from integrations.microsoft_account import MicrosoftAccount
from integrations.microsoft_entra import GraphRequest


class GraphMailer(ApiMailer):
    most_bytes = 3 * 1024 * 1024  # a request to Graph may have 4 MB, and base64 makes four of three

    def __init__(self, account: MicrosoftAccount, leave_alone: Callable[[timedelta], None]) -> None:
        super().__init__(leave_alone)
        self._account = account

    def ready(self, deadline: float) -> None:
        self._account.ready(deadline)

    def post(self, octets: bytes, deadline: float) -> None:
        """202: taken, and sent from the mailbox's own queue."""
        self._account.send(GraphRequest("POST", f"{self._account.root}/me/sendMail", octets, once=True), deadline)
