"""The settings of how mail leaves."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from functools import cache

from service import setting_values
from service.provider_settings import GOOGLE, MICROSOFT
from service.setting_values import SmtpServer, setting

NOBODYS_ADDRESS = "meet@greenroom.localhost"
SENDERS = {"gmail": GOOGLE, "graph": MICROSOFT}


@dataclass(frozen=True, kw_only=True)
class SendingSettings:
    """One field a setting; its metadata names the variable, its meaning and a right example."""

    smtp: SmtpServer | None = setting(
        "GREENROOM_SMTP_URL",
        setting_values.smtp_url,
        "smtp://user:pass@mail.example.org:587?security=starttls",
        "where mail is handed over; without it mail goes to the local mailbox",
    )
    mail_transport: str = setting(
        "GREENROOM_MAIL_TRANSPORT",
        setting_values.mail_transport,
        "gmail",
        "smtp; or gmail or graph, to send from an account at Google or Microsoft where there is no SMTP",
        "smtp",
    )
    mail_from: str = setting(
        "GREENROOM_MAIL_FROM",
        setting_values.address,
        "meet@example.org",
        "the one address that all mail comes from",
        NOBODYS_ADDRESS,
    )
    dkim_selector: str | None = setting(
        "GREENROOM_DKIM_SELECTOR",
        setting_values.selector,
        "mail2027",
        "the selector of the key that signs mail, so that `doctor` can look it up",
    )

    @property
    def sending_provider(self) -> str | None:
        """Whose account mail is sent from; None where it goes by SMTP or stays here."""
        return SENDERS.get(self.mail_transport)

    @property
    def mail_stays(self) -> bool:
        """In the local mailbox."""
        return self.smtp is None and self.sending_provider is None

    @property
    def mail_address(self) -> str:
        return _bare_address(self.mail_from)

    def sending_fault(self, providers: tuple[str, ...]) -> tuple[str, str, str] | None:
        """What does not go together: a setting's name, what is wrong, a right example. `providers` are those that have
        a client."""
        provider, chosen = self.sending_provider, f"with GREENROOM_MAIL_TRANSPORT={self.mail_transport}"
        if provider is None:
            return None
        if self.smtp is not None:
            return "GREENROOM_MAIL_TRANSPORT", "goes one way, and GREENROOM_SMTP_URL names another", "smtp"
        if provider not in providers:
            return f"GREENROOM_{provider.upper()}_CLIENT_ID", f"is needed {chosen}", "<from the provider's page>"
        if self.mail_from == NOBODYS_ADDRESS:
            return "GREENROOM_MAIL_FROM", f"must be the sending account's address {chosen}", "meet@example.org"
        return None


@cache
def _bare_address(mail_from: str) -> str:
    """Each mail asks five times."""
    return parseaddr(mail_from)[1]
