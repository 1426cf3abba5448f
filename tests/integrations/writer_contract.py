"""What every writer of events does, whatever calendar is behind it: inherit it, and say what stands there and who was
told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import CalendarWriter, EventSeen, EventToWrite, Guest
from tests.integrations.busy_contract import LATER, MORNING, WAIT

UID = "0b0cf3a6-6a1b-4a52-93a0-5f6a4d1f3f6e"
ANOTHER = "5c2f6f0e-0f5a-4f0e-8d3b-2b1f0a3c9d11"
CLEO = "cleo@example.org"
ALONE = EventToWrite(UID, 0, 1, MORNING, "Ana and Ben", "09:00, Lisbon", "Room 5")
INVITES = replace(ALONE, guests=(Guest(CLEO, "Cleo Park"),))
MOVED = replace(INVITES, revision=2, interval=LATER)


class WriterContract(ABC):
    """Inherited by a test class for each adapter."""

    work: ClassVar[dict[str, Any]]  # how `losing` names what put, change and remove ask for

    @abstractmethod
    def writer(self) -> CalendarWriter: ...

    @abstractmethod
    def standing(self) -> list[tuple[str, Interval, str]]:
        """The events in the calendar: where EventAddress leads, when, and what they are called."""

    @abstractmethod
    def told(self) -> list[tuple[str, str]]:
        """What the calendar has mailed to guests: invite, update or cancel, and to whom."""

    @abstractmethod
    def lose(self, what: Any) -> None:
        """From now on this work is done and its answer never arrives; None: answers arrive again."""

    @abstractmethod
    def fail(self) -> None:
        """The provider has trouble from now on."""

    @abstractmethod
    def delete(self) -> None:
        """The owner deletes what stands there."""

    @abstractmethod
    def decline(self) -> None:
        """The guest says no, in a calendar of their own."""

    @contextmanager
    def losing(self, what: str) -> Iterator[None]:
        self.lose(self.work[what])
        with pytest.raises(AdapterError) as caught:
            yield
        self.lose(None)
        assert not caught.value.permanent

    def test_an_event_without_guests_stands_once_and_nobody_is_told(self):
        at = self.writer().put(ALONE, WAIT)
        assert at.ical_uid
        assert self.writer().change(at, replace(ALONE, revision=2, interval=LATER), WAIT).event_id == at.event_id
        assert self.standing() == [(at.event_id, LATER, "Ana and Ben")]
        self.writer().remove(at, ALONE, WAIT)
        assert (self.standing(), self.told()) == ([], [])

    def test_an_event_that_invites_tells_its_guests_of_everything(self):
        at = self.writer().put(INVITES, WAIT)
        at = self.writer().change(at, MOVED, WAIT)
        self.writer().remove(at, MOVED, WAIT)
        assert self.told() == [(kind, CLEO) for kind in ("invite", "update", "cancel")]
        assert self.standing() == []

    def test_whatever_is_asked_twice_is_done_once(self):
        for _ in range(2):
            at = self.writer().put(INVITES, WAIT)
        first, second = (self.writer().change(at, MOVED, WAIT) for _ in range(2))
        assert first == second
        assert len(self.standing()) == 1
        for _ in range(2):
            self.writer().remove(second, MOVED, WAIT)
        assert [kind for kind, _ in self.told()] == ["invite", "update", "cancel"]

    def test_an_answer_that_was_lost_is_no_reason_to_do_it_again(self):
        with self.losing("put"):
            self.writer().put(INVITES, WAIT)
        at = self.writer().put(INVITES, WAIT)
        assert [event_id for event_id, _, _ in self.standing()] == [at.event_id]
        with self.losing("change"):
            self.writer().change(at, MOVED, WAIT)
        at = self.writer().change(at, MOVED, WAIT)
        with self.losing("remove"):
            self.writer().remove(at, MOVED, WAIT)
        self.writer().remove(at, MOVED, WAIT)
        assert [kind for kind, _ in self.told()] == ["invite", "update", "cancel"]

    def test_what_changed_while_the_answer_was_lost_is_brought_up_to_date_or_removed(self):
        with self.losing("put"):
            self.writer().put(INVITES, WAIT)
        self.writer().put(MOVED, WAIT)
        assert [interval for _, interval, _ in self.standing()] == [LATER]
        self.writer().remove(None, MOVED, WAIT)
        self.writer().remove(None, MOVED, WAIT)
        assert self.standing() == []
        assert [kind for kind, _ in self.told()] == ["invite", "update", "cancel"]

    def test_a_deleted_event_is_gone_for_a_change_and_removed_already(self):
        at = self.writer().put(ALONE, WAIT)
        self.delete()
        self.writer().remove(at, ALONE, WAIT)
        assert self.writer().look(at, WAIT) is None
        with pytest.raises(AdapterError) as caught:
            self.writer().change(at, replace(ALONE, revision=2), WAIT)
        assert (caught.value.code, caught.value.permanent) == ("not_found", True)
        again = self.writer().put(replace(ALONE, copy=1), WAIT)
        assert [event_id for event_id, _, _ in self.standing()] == [again.event_id] != [at.event_id]

    def test_a_look_tells_when_it_is_and_what_its_guests_answered(self):
        at = self.writer().put(INVITES, WAIT)
        assert self.writer().look(at, WAIT) == EventSeen(MORNING, {CLEO: "NEEDS-ACTION"})
        self.decline()
        assert self.writer().look(at, WAIT) == EventSeen(MORNING, {CLEO: "DECLINED"})

    def test_trouble_is_neither_a_deletion_nor_for_ever(self):
        at = self.writer().put(INVITES, WAIT)
        self.fail()
        for call in (
            lambda: self.writer().put(replace(ALONE, uid=ANOTHER), WAIT),
            lambda: self.writer().change(at, MOVED, WAIT),
            lambda: self.writer().look(at, WAIT),
            lambda: self.writer().remove(at, MOVED, WAIT),
        ):
            with pytest.raises(AdapterError) as caught:
                call()
            assert not caught.value.permanent
        assert [interval for _, interval, _ in self.standing()] == [MORNING]
        assert [kind for kind, _ in self.told()] == ["invite"]
