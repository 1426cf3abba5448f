"""What letters are put together from: what every mail has around its words, times to choose from, points of a list."""

from __future__ import annotations

from service.catalogue import Words
from service.messages.letter import Block, Button, Letter, Lists, Offers, Quotes, Says
from service.messages.view import Point, View, time_line


def choices(view: View, title: str) -> Offers:
    words = view.words
    buttons = tuple(
        (Button(time_line(words, each.interval, view.me, view.other), each.url), each.note) for each in view.choices
    )
    return Offers(words(title, n=len(buttons)), buttons)


def new_times(view: View, title: str = "mail.new_times") -> list[Block]:
    """Other times, each a button where the mail is about the same thing again; or the next one, which is booked."""
    if view.next_one is not None:
        return [Lists(view.words("mail.next_one"), ((time_line(view.words, view.next_one, view.me, view.other), ""),))]
    if view.choices:
        return [choices(view, title)]
    if not view.times:
        return []
    lines = tuple((time_line(view.words, slot, view.me, view.other), "") for slot in view.times)
    return [Lists(view.words(title), lines)]


def list_of(title: str, points: tuple[Point, ...]) -> Lists:
    return Lists(title, tuple((point.text, point.note) for point in points))


def preview_line(words: Words, programme: str) -> str:
    """What stands beside every subject, whatever the mail says."""
    return words("mail.preview", programme=programme)


def letter(
    view: View, subject: str, blocks: list[Block], button: Button | None = None, asides: tuple[Button, ...] = ()
) -> Letter:
    """What every mail has around its words: who we are in the first one, the programme and a way to fewer in each."""
    words, mails = view.words, view.links.person + "#mails"
    if view.first_mail:
        hello = f"mail.first.{view.role}" if view.other is not None else "mail.first.alone"
        other = view.other.first if view.other is not None else ""
        blocks = [Says(words(hello, programme=view.programme, other=other)), *blocks]
        asides = (*asides, Button(words("mail.no_thank_you"), mails))
    if view.went_by:
        blocks = [*blocks, Says(view.went_by)]
        asides = (*asides, Button(words("mail.went_by.button"), view.links.proposal))
    if view.unsure:
        blocks = [*blocks, Quotes(view.unsure, words("mail.unsure"))]
        asides = (*asides, Button(words("mail.unsure.button"), view.links.person + "#words"))
    footer = [words("mail.footer.programme", programme=view.programme, contact=view.contact)]
    if view.nth:
        footer.append(words("mail.footer.count", nth=view.nth, most=view.most))
    return Letter(
        subject=subject,
        preview=preview_line(words, view.programme),
        blocks=tuple(blocks),
        button=button,
        asides=asides,
        footer=tuple(footer),
        fewer=Button(words("mail.footer.fewer"), mails),
    )
