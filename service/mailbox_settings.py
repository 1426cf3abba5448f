"""The settings of the mailbox that answers arrive in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from service import setting_values
from service.setting_values import ImapServer, setting


@dataclass(frozen=True, kw_only=True)
class MailboxSettings:
    """One field a setting; its metadata names the variable, its meaning and a right example."""

    imap: ImapServer | None = setting(
        "GREENROOM_IMAP_URL",
        setting_values.imap_url,
        "imaps://meet%40example.org:pass@mail.example.org/INBOX",
        "the mailbox that answers to our mails arrive in; without it they are not read",
    )
    imap_plus: bool = setting(
        "GREENROOM_IMAP_PLUS",
        setting_values.flag,
        "0",
        "whether mail to meet+anything@ arrives in that mailbox too; with 0 answers are known by what they refer to",
        True,
    )
    imap_done: str | None = setting(
        "GREENROOM_IMAP_DONE_FOLDER",
        setting_values.mail_folder,
        "Greenroom",
        "the folder that mail is moved to once it is dealt with; without it mail stays and is marked as read",
    )
    imap_unclear: str | None = setting(
        "GREENROOM_IMAP_UNCLEAR_FOLDER",
        setting_values.mail_folder,
        "Greenroom unclear",
        "the folder for mail that was not understood; without it that stays and is marked as read",
    )
    imap_poll: timedelta = setting(
        "GREENROOM_IMAP_SECONDS",
        setting_values.seconds,
        "20",
        "how often the mailbox is looked at",
        timedelta(seconds=20),
    )

    mail_hook_secret: str | None = setting(
        "GREENROOM_MAIL_HOOK_SECRET",
        setting_values.hook_secret,
        "<48 random characters>",
        "signs mail that a provider pushes to /hooks/mail; without it there is no such address",
        secret=True,
    )

    mail_authserv_id: str | None = setting(
        "GREENROOM_MAIL_AUTHSERV_ID",
        setting_values.authserv_id,
        "mx.example.org",
        "the name in which your own mail server writes Authentication-Results; only what it vouches for is obeyed",
    )

    @property
    def answers_read(self) -> bool:
        return self.imap is not None or self.mail_hook_secret is not None

    @property
    def reply_tokens(self) -> bool:
        """Whether answers may be sent to our address with a token in it."""
        return self.answers_read and self.imap_plus
