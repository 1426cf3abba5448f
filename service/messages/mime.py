"""A letter and its calendar part as octets: the structure that Outlook, Gmail, Apple and Thunderbird all read."""

from __future__ import annotations

import base64
import quopri
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import HeaderRegistry
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from service.messages.letter import Letter, as_html, as_text


class _Headers(HeaderRegistry):
    """The library makes a class anew for each header of each mail; here each is made once."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        if name not in self._made:
            self._made[name] = super().__getitem__(name)
        return self._made[name]


LONGEST_LINE = 78  # RFC 5322 2.1.1
LINE_END = re.compile(rb"\r\n(?=[ \t])|\r\n\Z")  # of a folded header
POLICY = SMTP.clone(max_line_length=LONGEST_LINE, header_factory=_Headers())
# The second keeps Exchange's vacation notes away and lets bounces come (MS-OXCMAIL 2.1.3.2.20).
FIXED = b"MIME-Version: 1.0\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n"


@dataclass(frozen=True, slots=True)
class Calendar:
    """An iTIP object and its METHOD, which the part's `method` parameter repeats (RFC 6047 2.4)."""

    method: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside the letter; `name` is ASCII and ours."""

    name: str
    content_type: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Headers:
    """`message_id` was fixed when the row was written. `thread` is the first invitation's, for mails that follow it.

    `automatic`: nobody's action caused it just now (RFC 3834). `reply_to`: the other person, where a reply is invited.
    `supersedes`: the ids of mails that this one is sent instead of (RFC 2156 2.3.1.2).
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
    supersedes: tuple[str, ...] = ()


def compose(
    letter: Letter,
    headers: Headers,
    language: str,
    calendar: Calendar | None = None,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """mixed( alternative( plain, html, calendar ), invite.ics, other files ), or only the alternative where there is no
    file.

    The calendar goes in as octets and comes out as base64.
    """
    head = [
        _mailbox("From", headers.sender_name, headers.sender),
        _mailbox("To", headers.recipient_name, headers.recipient),
        _header("Subject", letter.subject),
        _header("Date", format_datetime(headers.sent_at)),
        _whole("Message-ID", headers.message_id),
    ]
    if headers.thread is not None and headers.thread != headers.message_id:
        head += [_whole("In-Reply-To", headers.thread), _whole("References", headers.thread)]
    if headers.reply_to is not None:
        head.append(_whole("Reply-To", headers.reply_to))
    if headers.automatic:
        head.append(_header("Auto-Submitted", "auto-generated"))
    if headers.supersedes:
        head.append(_whole("Supersedes", " ".join(headers.supersedes)))
    head.append(FIXED)
    texts = [_text("plain", as_text(letter)), _text("html", as_html(letter, language))]
    files = [_encoded(_attached(each.content_type, each.name), each.octets) for each in attachments]
    if calendar is not None:
        texts.append(_encoded(f'text/calendar; method="{calendar.method}"; charset="UTF-8"', calendar.octets))
        files.insert(0, _encoded(_attached("application/ics", "invite.ics"), calendar.octets))
    inner = _multipart("alternative", texts)
    return b"".join(head) + (_multipart("mixed", [inner, *files]) if files else inner)


def _header(name: str, value: str) -> bytes:
    """As the library writes it; a short line of plain letters without asking, for a mail's five took a quarter of a
    millisecond. Raises ValueError for a value of several lines."""
    line = f"{name}: {value}"
    if _is_plain(line):
        return f"{line}\r\n".encode()
    if "=?" in value:  # the library decodes it, line ends too, and writes those out (CPython 3.11.7)
        if len(value.splitlines()) > 1:
            raise ValueError(f"a linefeed in {name}")
        return _one_header(f"{name}: {_encoded_words(name, value)}\r\n".encode())
    return _one_header(POLICY.fold_binary(*POLICY.header_store_parse(name, value)))


def _mailbox(header: str, name: str, address: str) -> bytes:
    """RFC 5322 3.4. The library loses the quotes of a name that it folds, and decodes one that looks encoded (CPython
    3.11.7). Raises ValueError for an address that is not ASCII or has line ends."""
    name = " ".join(name.split())
    line = f"{header}: {formataddr((name, address))}"
    if _is_plain(line):
        return f"{line}\r\n".encode()
    if not name:
        return _whole(header, address)
    return _one_header(f"{header}: {_encoded_words(header, name)}\r\n <{address}>\r\n".encode("ascii"))


def _whole(name: str, value: str) -> bytes:
    """An address or an id on one line, however long: folded, a long id becomes encoded words, which RFC 2047 5 forbids
    there. Raises ValueError for what is not ASCII or has line ends."""
    return _one_header(f"{name}: {value}\r\n".encode("ascii"))


def _is_plain(line: str) -> bool:
    return len(line) <= LONGEST_LINE and line.isascii() and line.isprintable() and "=?" not in line


def _encoded_words(header: str, text: str) -> str:
    return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


def _one_header(octets: bytes) -> bytes:
    """What it was given. Raises ValueError where a line of it would start another header."""
    if re.search(rb"[\r\n]", LINE_END.sub(b"", octets)):
        raise ValueError("a linefeed in a header")
    return octets


# What stands below is ours alone and needs none of the parsing and folding that `email` gives to each header of a part:
# with it a mail takes three times as long to write.
def _multipart(subtype: str, parts: Sequence[bytes]) -> bytes:
    """RFC 2046 5.1. Neither quoted-printable nor base64 can hold the boundary's `=_` (RFC 2045 6.7)."""
    boundary = f"=_{secrets.token_hex(16)}"
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'
    between = f"--{boundary}\r\n"
    end = f"--{boundary}--\r\n"
    return head.encode() + b"".join(between.encode() + part + b"\r\n" for part in parts) + end.encode()


def _text(subtype: str, text: str) -> bytes:
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head.encode() + quopri.encodestring(text.encode()).replace(b"\n", b"\r\n")


def _attached(content_type: str, name: str) -> str:
    return f'{content_type}\r\nContent-Disposition: attachment; filename="{name}"'


def _encoded(content_type: str, octets: bytes) -> bytes:
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(octets).replace(b"\n", b"\r\n")
