"""A mail that came back: whether mail to an address was refused for good, and which mails of ours the report names."""

from __future__ import annotations

import re
from email.message import Message

from service.domain.received import DAEMON, LONGEST_HEADER, header, leaves, sender_of

LONGEST_TEXT = 20_000  # characters of a report in words
MOST_BLOCKS, MOST_NAMED = 100, 20
# As we make them: a Message-ID of ours is as random as a token, and nobody but its reader and their server knows it.
OUR_ID = re.compile(rb"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@")
HEAD_END = re.compile(rb"\r?\n\r?\n")
XTEXT = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461 4
TAG = re.compile(r"<(?![^<>\s]+@)[^<>]*>")
# Below it stands the mail that came back, which may quote anything.
COPY = re.compile(r"(?im)^\s*-{2,}.*\b(copy of|original message|returned (message|mail)|headers?)\b.*$")
# RFC 3463's codes, and RFC 5321's, where no address of the network can look like one.
FOR_GOOD = re.compile(
    r"(?i)(?<![\d.])(5\.\d{1,3}\.\d{1,3}(?![\d.]*\d)|55[0134](?=[ -]))|\bpermanent (error|failure)"
    r"|\b(user|recipient) unknown|\bunknown (user|recipient)|\bno such (user|recipient|mailbox)"
    r"|\bno mailbox here by that name|\b(user|recipient|mailbox|address) (was not|could not be|not) found"
    r"|\b(address|mailbox|user) (does not|doesn't) exist"
)
FOR_NOW = re.compile(
    r"(?i)(?<![\d.])(4\.\d{1,3}\.\d{1,3}(?![\d.]*\d)|4[25]\d(?=[ -]))|\bbe(ing)? retried|\bdelayed\b"
    r"|\b(keep|continue) (trying|to try)|\bnot (yet )?been delivered yet"
)


def ours_named(raw: bytes, message: Message) -> list[str]:
    """What may be the middle of a Message-ID of ours, in the report or the mail that it brings back."""
    body = HEAD_END.split(raw, maxsplit=1)[1:]
    texts = [part.get_payload(decode=True) for part in leaves(message)]
    found = (name for text in [*body, *texts] if isinstance(text, bytes) for name in OUR_ID.findall(text))
    return list(dict.fromkeys(name.decode() for name in found))[:MOST_NAMED]


def refused_for_good(message: Message, address: str) -> bool:
    """Whether a report says that nothing will arrive at this address (RFC 3464), or, from a server that writes its
    reports in words, that they say so. What is delayed, or was given up for a fault that passes, is not."""
    reported = _blocks(message)
    if reported:
        theirs = [block for block in reported if address in _recipients(block)]
        return bool(theirs) and all(map(_failed, theirs))
    said = header(message, "X-Failed-Recipients")[:LONGEST_HEADER]
    if not said and not DAEMON.match(sender_of(message)):
        return False
    text = _words(message)
    named = f"{said} {text}".lower()
    return bool(_whole(address).search(named) and FOR_GOOD.search(text) and not FOR_NOW.search(text))


def _blocks(message: Message) -> list[Message]:
    """Of each recipient, what became of the mail."""
    reports = (part for part in _parts(message) if part.get_content_type() == "message/delivery-status")
    payloads = (part.get_payload() for part in reports if part.is_multipart())
    blocks = (each for inside in payloads if isinstance(inside, list) for each in inside[:MOST_BLOCKS])
    return [each for each in blocks if isinstance(each, Message) and each.get("Final-Recipient") is not None]


def _parts(message: Message) -> list[Message]:
    inside = message.get_payload() if message.is_multipart() else None
    return [each for each in inside if isinstance(each, Message)] if isinstance(inside, list) else []


def _recipients(block: Message) -> set[str]:
    written = [header(block, name)[:LONGEST_HEADER] for name in ("Final-Recipient", "Original-Recipient")]
    plain = [each.partition(";")[2].strip().strip("<>").lower() for each in written]
    return {*plain, *(XTEXT.sub(lambda found: chr(int(found[1], 16)), each.upper()).lower() for each in plain)}


def _failed(block: Message) -> bool:
    action, status = header(block, "Action").strip().lower(), header(block, "Status").strip()
    if not status:
        status = next(iter(re.findall(r"\b[245]\d\d\b", header(block, "Diagnostic-Code"))), "")
    return action == "failed" and status.startswith("5")


def _words(message: Message) -> str:
    told = []
    for part in leaves(message):
        payload = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(payload, bytes):
            told.append(TAG.sub(" ", payload[:LONGEST_TEXT].decode("utf-8", "replace")))
    return COPY.split("\n".join(told)[:LONGEST_TEXT], maxsplit=1)[0]


def _whole(address: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)")
