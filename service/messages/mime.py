"""A letter and its calendar part as octets: the structure that Outlook, Gmail, Apple and Thunderbird all read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from service.messages.letter import Letter, as_html, as_text

POLICY = SMTP.clone(max_line_length=78)


@dataclass(frozen=True, slots=True)
class Calendar:
    """An iTIP object and its METHOD, which the part's `method` parameter repeats (RFC 6047 2.4)."""

    method: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Headers:
    """`message_id` was fixed when the row was written. `thread` is the first invitation's, for mails that follow it.

    `automatic`: nobody's action caused it just now (RFC 3834). `reply_to`: the other person, where a reply is invited.
    """

    sender_name: str
    sender: str
    recipient_name: str
    recipient: str
    message_id: str
    sent_at: datetime
    thread: str | None = None
    reply_to: str | None = None
    automatic: bool = False


def compose(letter: Letter, headers: Headers, language: str, calendar: Calendar | None = None) -> bytes:
    """mixed( alternative( plain, html, calendar ), invite.ics ), or only the alternative without a calendar.

    The calendar goes in as octets and comes out as base64: a str would put bare LF into it.
    """
    message = EmailMessage(policy=POLICY)
    message["From"] = _address(headers.sender_name, headers.sender)
    message["To"] = _address(headers.recipient_name, headers.recipient)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(headers.sent_at)
    message["Message-ID"] = headers.message_id
    if headers.thread is not None and headers.thread != headers.message_id:
        message["In-Reply-To"] = headers.thread
        message["References"] = headers.thread
    if headers.reply_to is not None:
        message["Reply-To"] = headers.reply_to
    if headers.automatic:
        message["Auto-Submitted"] = "auto-generated"
    # Keeps Exchange's vacation notes away and lets bounces come (MS-OXCMAIL 2.1.3.2.20).
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    message.set_content(as_text(letter), cte="quoted-printable")
    message.add_alternative(as_html(letter, language), subtype="html", cte="quoted-printable")
    if calendar is not None:
        message.add_alternative(
            calendar.octets,
            maintype="text",
            subtype="calendar",
            params={"method": calendar.method, "charset": "UTF-8"},
        )
        message.add_attachment(calendar.octets, maintype="application", subtype="ics", filename="invite.ics")
    return message.as_bytes()


def _address(name: str, address: str) -> Address:
    return Address(display_name=" ".join(name.split()), addr_spec=address)
