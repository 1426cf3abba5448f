"""What writing one mail starts from: its row, its reader, the moment, and what was read for its batch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.orm import Session

from service.operations.mail_facts import Facts
from service.store.tables import Meeting, OutboxRow, Person

REPLY_TO_THE_OTHER = frozenset({"brief", "list", "not-happened", "declined", "cancellation"})
UNDERSTOOD = {
    "brief": "agenda",
    "list": "agreed",
    "action-nudge": "agreed",
    "followup": "outcome",
}  # what an answer to them is taken for, where we read it


class MailSettings(Protocol):
    """The part of the settings that mails mention."""

    @property
    def base_url(self) -> str: ...
    @property
    def programme(self) -> str: ...
    @property
    def contact(self) -> str | None: ...
    @property
    def mail_address(self) -> str: ...
    @property
    def answers_read(self) -> bool: ...
    @property
    def reply_tokens(self) -> bool: ...
    @property
    def busy_max_age(self) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class Context:
    session: Session
    now: datetime
    settings: MailSettings
    row: OutboxRow
    reader: Person
    facts: Facts

    @property
    def meeting(self) -> Meeting | None:
        return self.facts.meetings.get(self.row.meeting_id) if self.row.meeting_id is not None else None

    @property
    def reply_goes_to_the_other(self) -> bool:
        read_here = self.settings.answers_read and self.row.kind in UNDERSTOOD
        return self.row.kind in REPLY_TO_THE_OTHER and not read_here

    def url(self, purpose: str, **subject: int | str | None) -> str:
        return self.facts.links.url_to(self.settings.base_url, purpose, self.reader.id, **subject)
