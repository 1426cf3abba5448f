"""An agreement in words: what one clause says, and the whole as Markdown, the same octets for the same terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from service.catalogue import Words
from service.domain.agreement import CLAUSES, DUTIES, GROUPS, Clause, Kind, Values, Whose


@dataclass(frozen=True, slots=True)
class Names:
    mentee: str
    mentor: str


@dataclass(frozen=True, slots=True)
class Signed:
    name: str
    at: datetime


def told(words: Words, clause: Clause, said: str, names: Names) -> str:
    """One answer as its reader says it; a worded clause that nobody rewrote has the usual sentence."""
    if clause.kind is Kind.TEXT:
        usual = words(f"clause.{clause.key}.words") if clause.worded else words("clause.nothing")
        return said or usual
    if clause.kind is Kind.DAY:
        return words.day(date.fromisoformat(said), long=True, year=True) if said else words("clause.nothing")
    if clause.kind is Kind.SEVERAL:
        ticked = [words(f"clause.{clause.key}.{choice}") for choice in said.split(",") if choice]
        return words.items(ticked) if ticked else words("clause.none_of_these")
    if clause.key in DUTIES:
        return words(f"clause.owner.{said}", mentee=names.mentee, mentor=names.mentor)
    return words(f"clause.{clause.key}.{said}")


def titled(words: Words, term: str, names: Names) -> str:
    """The name of a clause; what each says of themselves also says whose it is."""
    key, _, role = term.partition(".")
    title = words(f"clause.{key}")
    if CLAUSES[key].whose in {Whose.MENTEE, Whose.MENTOR}:
        role = CLAUSES[key].whose
    return f"{title} ({getattr(names, role)})" if role else title


def document(words: Words, version: int, names: Names, terms: Values) -> str:
    """The words that are signed, as Markdown. What people typed is quoted, so that it can look like nothing else."""
    parties = words("document.parties", mentee=names.mentee, mentor=names.mentor, version=version)
    lines = [f"# {words('document.title')}", "", parties]
    for group in GROUPS:
        lines += ["", f"## {words(f'clause.group.{group}')}", ""]
        for clause in CLAUSES.values():
            if clause.group == group:
                lines += [line for term in clause.terms for line in _lines(words, clause, term, terms[term], names)]
    return "\n".join(lines) + "\n"


def _lines(words: Words, clause: Clause, term: str, said: str, names: Names) -> Iterable[str]:
    title, text = titled(words, term, names), told(words, clause, said, names)
    if clause.kind is not Kind.TEXT or not said:
        return [f"- **{title}:** {text}"]
    return [f"- **{title}:**", "", *(f"  > {line}".rstrip() for line in text.splitlines()), ""]


def signed(words: Words, text: str, text_sha256: str, signatures: Iterable[Signed]) -> str:
    """The document as both keep it: the words, and below them who signed them when."""
    lines = [text, f"## {words('document.signed')}", ""]
    for each in signatures:
        moment = f"{each.at.astimezone(UTC):%Y-%m-%d %H:%M}"
        lines.append(f"- {words('document.signature', name=each.name, moment=moment)}")
    return "\n".join([*lines, "", words("document.seen", sha256=text_sha256)]) + "\n"
