"""Parts of mails about what was agreed and what is prepared: how it stands, and where its owner says so."""

from __future__ import annotations

from service.messages.letter import Block, Button, Offers, Says
from service.messages.view import View


def readiness(view: View) -> list[Block]:
    """How far the mentee is with what they prepare, and what the mentor might."""
    words, ready = view.words, view.ready
    lines = []
    if ready is not None:
        done, ahead = words.items(ready.done), words.items(ready.ahead)
        key = "so_far" if ready.done and ready.ahead else "ready" if ready.done else "to_come"
        lines.append(words(f"mail.brief.{key}", other=view.with_whom().first, done=done, ahead=ahead))
    if view.to_prepare:
        lines.append(words("mail.brief.yours", ahead=words.items(point.text for point in view.to_prepare)))
    return [Says(line) for line in lines]


def card(view: View) -> list[Block]:
    return [Says(view.words("mail.brief.card", card=view.words(f"card.{view.card}.text")))] if view.card else []


def primer(view: View) -> list[Block]:
    """To the mentee alone, about the first meeting: whether they have read their cards."""
    if view.session != "kick-off" or not view.primer:
        return []
    words, done = view.words, Button(view.words("mail.primer.button"), view.links.primer)
    if view.primer == "read":
        return [Says(words("mail.primer.read"))]
    return [Offers(words("mail.primer.unread"), ((done, ""),), quiet=True)]


def own(view: View) -> list[Block]:
    """What the reader said they would do: a link each, to say how it stands."""
    buttons = tuple((Button(own.text, own.url), own.note) for own in view.own)
    return [Offers(view.words("mail.commitments.mine"), buttons, quiet=True)] if buttons else []


def introductions(view: View) -> list[Block]:
    buttons = tuple((Button(text, draft), "") for text, draft in view.introductions)
    return [Offers(view.words("mail.commitments.introduce"), buttons, quiet=True)] if buttons else []
