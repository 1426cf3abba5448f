"""A mail before it has a form: what it says, in order, and the one thing to do. Laid out as text and as HTML alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


@dataclass(frozen=True, slots=True)
class Opens:
    """The sentence that says what is so: the mail's heading."""

    text: str
    kind: str = "opens"


@dataclass(frozen=True, slots=True)
class Says:
    """A paragraph."""

    text: str
    kind: str = "says"


@dataclass(frozen=True, slots=True)
class When:
    """The meeting's time, as view.time_line writes it."""

    text: str
    kind: str = "when"


@dataclass(frozen=True, slots=True)
class Quotes:
    """Somebody's own words, and whose they are."""

    text: str
    by: str
    kind: str = "quotes"


@dataclass(frozen=True, slots=True)
class Lists:
    """A title and points; each may have a note (minutes, an owner, a date)."""

    title: str
    points: tuple[tuple[str, str], ...]
    kind: str = "lists"


@dataclass(frozen=True, slots=True)
class Button:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Offers:
    """A title and a button for each thing that can be chosen; each may have a note. `quiet` ones are small links beside
    the one thing to do."""

    title: str
    buttons: tuple[tuple[Button, str], ...]
    quiet: bool = False
    kind: str = "offers"


Block = Opens | Says | When | Quotes | Lists | Offers


@dataclass(frozen=True, slots=True)
class Letter:
    """`blocks` in the order of reading. `button` is the one thing to do, `asides` are small links under it. `footer`
    says whose mail this is, `fewer` is the way to get fewer.

    `preview` is what a list of mails or a locked phone shows beside the subject, in place of somebody's words.
    """

    subject: str
    preview: str
    blocks: tuple[Block, ...]
    button: Button | None
    asides: tuple[Button, ...]
    footer: tuple[str, ...]
    fewer: Button


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("service", "mail_templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def as_text(letter: Letter) -> str:
    return _templates().get_template("letter.txt").render(letter=letter).strip() + "\n"


def as_html(letter: Letter, language: str) -> str:
    return _templates().get_template("letter.html").render(letter=letter, language=language)
