"""Workers that are killed, at a moment that is chosen."""

from __future__ import annotations

from functools import partial

from service.domain.errors import AnswerLost, MailRefused
from tests.fakes import MemoryMailer


class Died(BaseException):
    """A worker is killed here."""


ENDS = {"refused": partial(MailRefused, "smtp_refused", permanent=True, reply=550), "lost": AnswerLost}


class MortalMailer(MemoryMailer):
    """Whoever uses it for the n-th time dies at one step: before it, or `after` the server took the mail. Or they live,
    and the mail is `refused`, or the answer `lost`."""

    at: tuple[str, int] | None = None

    def offer(self, envelope):
        self.strike("refused")
        super().offer(envelope)

    def deliver(self, octets):
        super().deliver(octets)
        self.strike("after")
        self.strike("lost")

    def _reach(self, step):
        self.strike(step)
        super()._reach(step)

    def strike(self, step):
        if self.at is None or self.at[0] != step:
            return
        self.at = (step, self.at[1] - 1) if self.at[1] else None
        if self.at is None:
            raise ENDS.get(step, Died)()
