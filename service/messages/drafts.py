"""Drafts that open in a person's own mail program: we write their beginning, they send them, and nothing passes
through us."""

from __future__ import annotations

from urllib.parse import quote

from service.catalogue import Words


def mailto(to: str, subject: str, body: str, cc: str = "") -> str:
    """A link as RFC 6068 has it: line ends as CRLF, every value percent-encoded."""
    fields = {"cc": cc, "subject": subject, "body": body.replace("\n", "\r\n")}
    query = "&".join(f"{name}={quote(value, safe='@')}" for name, value in fields.items() if value)
    return f"mailto:{quote(to, safe='@')}?{query}"


def introduction(words: Words, mentee: str, mentee_email: str) -> str:
    """From the mentor to somebody whom only they know; the mentee gets a copy, so that the two can go on."""
    subject = words("draft.introduction.subject", name=mentee)
    return mailto("", subject, words("draft.introduction.body", name=mentee), cc=mentee_email)


def thanks(words: Words, me: str) -> str:
    """From the mentee to whom they met."""
    return mailto("", words("draft.thanks.subject"), words("draft.thanks.body", me=me))


def word(words: Words, mentee: str, mentee_email: str) -> str:
    """From the mentor to the mentee, the day before a date that matters."""
    return mailto(mentee_email, words("draft.word.subject"), words("draft.word.body", name=mentee))
