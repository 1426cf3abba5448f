"""What a meeting is to be for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import request

from service.domain.sessions import SESSIONS
from service.web.page import Reader, asked_day, asked_int


@dataclass(frozen=True, slots=True)
class Choice:
    """What the meeting is for: said by the link, or chosen on the page."""

    session: str
    date_id: int | None
    minutes: int | None
    first: date | None = None  # no time before this day

    @property
    def args(self) -> dict[str, str]:
        chosen = {"session": self.session}
        if self.date_id is not None:
            chosen["date"] = str(self.date_id)
        if self.minutes is not None:
            chosen["minutes"] = str(self.minutes)
        if self.first is not None:
            chosen["from"] = self.first.isoformat()
        return chosen


def choice_of(reader: Reader) -> Choice | None:
    session_key = reader.link.session or request.values.get("session", "")
    if session_key not in SESSIONS:
        return None
    first = asked_day(request.values.get("from", ""))
    return Choice(session_key, reader.link.date_id or asked_int("date"), asked_int("minutes"), first)
