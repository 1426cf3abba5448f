"""What operations need from the outside, as Protocols; adapters in `integrations` fulfil them."""

from service.ports.busy import (
    BusyCalendar,
    BusyReading,
    CalendarFactory,
    CalendarRef,
    Fetched,
    ReadRequest,
    SyncMark,
    Wanted,
)
from service.ports.consent import Authorizer, ConsentBegun, Granted, TokenBox
from service.ports.events import CalendarWriter, EventAddress, EventSeen, EventToWrite, Guest, VideoLink, WriterFactory
from service.ports.mail import Envelope, Mailbox, MailboxSession, MailboxWatch, Mailer, MailSession, ReceivedMail
from service.ports.outside import Jobs, LiveAnswer, OwnAddress, TextRecords

__all__ = [
    "Authorizer",
    "BusyCalendar",
    "BusyReading",
    "CalendarFactory",
    "CalendarRef",
    "CalendarWriter",
    "ConsentBegun",
    "Envelope",
    "EventAddress",
    "EventSeen",
    "EventToWrite",
    "Fetched",
    "Granted",
    "Guest",
    "Jobs",
    "LiveAnswer",
    "MailSession",
    "Mailbox",
    "MailboxSession",
    "MailboxWatch",
    "Mailer",
    "OwnAddress",
    "ReadRequest",
    "ReceivedMail",
    "SyncMark",
    "TextRecords",
    "TokenBox",
    "VideoLink",
    "Wanted",
    "WriterFactory",
]
