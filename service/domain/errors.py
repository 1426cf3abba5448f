"""Every failure that we expect, each with the data that a sentence about it needs; the sentence is in the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any


class GreenroomError(Exception):
    """Base of what entry points turn into a clear sentence: catalogue key `error.<code>` filled with `params`."""

    code = "failed"

    def __init__(self, code: str | None = None, **params: Any) -> None:
        super().__init__(code or self.code)
        if code is not None:
            self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field that was wrong: its name as the caller wrote it, and the catalogue key `fault.<code>` that says why."""

    field: str
    code: str
    params: dict[str, Any]


class InvalidInput(GreenroomError):
    """What a person typed cannot be used. `faults` names every field at once; nothing was changed. Web: 422."""

    code = "invalid_input"

    def __init__(self, *faults: FieldFault) -> None:
        super().__init__(fields=", ".join(fault.field for fault in faults))
        self.faults = faults

    @classmethod
    def of(cls, field: str, code: str, **params: Any) -> InvalidInput:
        return cls(FieldFault(field, code, params))


class NotFound(GreenroomError):
    """Never existed, or is not this person's: deliberately the same. Web: 404."""

    code = "not_found"


class LinkGone(GreenroomError):
    """The link was revoked or has expired. Web: 410."""

    code = "link_gone"


class NotAllowed(GreenroomError):
    """This person may see it but not do this. Web: 403."""

    code = "not_allowed"


class SlotTaken(GreenroomError):
    """The time went between being shown and being confirmed; show fresh ones. Web: 409."""

    code = "slot_taken"


class RuleBroken(GreenroomError):
    """A rule of booking refuses this start; `code` is one of slots.RULES. Web: 422.

    `person` is who it is about, when that may be said to the reader.
    """

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code, **params)


class ConsentFault(GreenroomError):
    """Somebody came back from a provider, and it cannot be taken: consent_unknown (made up, or long gone), consent_used
    (came back before), consent_elsewhere (began in another browser, maybe somebody else's), consent_old. Web: 400."""


class CalendarUnreadable(GreenroomError):
    """A live read failed, so nothing was booked; `names` are the people whose calendar it was. Web: 503."""

    code = "calendar_unreadable"

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names=", ".join(names))
        self.names = names


class MoveNotAllowed(GreenroomError):
    """The meeting's phase, or the cut-off before its start, forbids this. Web: 409."""

    code = "move_not_allowed"


class AgreementChanged(GreenroomError):
    """The words are not those that this person saw; show them as they are now. Web: 409."""

    code = "agreement_changed"


class AgreementNotReady(GreenroomError):
    """Something has to be settled before it can be signed. Web: 409."""

    code = "agreement_not_ready"


class ProposalOver(GreenroomError):
    """What was proposed cannot be taken any more; `outcome` is what became of it: taken (at another of its times),
    replaced, withdrawn, declined or over. Web: 409."""

    code = "proposal_over"


class KeyReused(GreenroomError):
    """An Idempotency-Key came back with another body. Web: 422."""

    code = "idempotency_key_reused"


class TooMany(GreenroomError):
    """A limit of how often was reached; `retry_after` seconds. Web: 429."""

    code = "too_many"


class AdapterError(GreenroomError):
    """An outside system failed. `permanent`: asking again will not help until a person changes something.

    `code` is a catalogue key `adapter.<code>` with what is wrong and what to do; `retry_after` is obeyed when given.
    """

    def __init__(self, code: str, *, permanent: bool, retry_after: timedelta | None = None, **params: Any) -> None:
        super().__init__(code, **params)
        self.permanent = permanent
        self.retry_after = retry_after


class MailRefused(AdapterError):
    """The server said no to one mail; it takes others."""


class Unanswered(AdapterError):
    """A request that must not be made twice went out, and no whole answer came: nobody knows what it did."""


class AnswerLost(GreenroomError):
    """The server took the whole message and its answer never came: nobody knows whether it was delivered.

    `retry_after`: how long to leave the server alone with other mails, where it fell silent rather than went away.
    """

    code = "answer_lost"

    def __init__(self, retry_after: timedelta | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after
