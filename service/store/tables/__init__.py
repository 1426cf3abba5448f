"""Every table. Text that people type within a pair is EncryptedOfPair; instants are aware UTC."""

from service.store.tables.agreements import Agreement, AgreementAnswers, AgreementSignature
from service.store.tables.base import Base
from service.store.tables.calendars import (
    Calendar,
    CalendarHost,
    CalendarWatch,
    CalendarWrite,
    Connection,
    Consent,
    Grant,
    Sighting,
)
from service.store.tables.goals import Goal, MeetingGoal, PutAway, Suggestion, WhatMatters
from service.store.tables.help import HelpRequest
from service.store.tables.journals import BroughtJournal
from service.store.tables.looks import Look
from service.store.tables.mail import Inbound, MailboxMail, MailboxMark, OutboxRow, SendingGrant, SendTime
from service.store.tables.meetings import (
    AgendaItem,
    Attendance,
    Claim,
    Commitment,
    CriticalDate,
    Meeting,
    ParkedPoint,
    Preparation,
    Reflection,
)
from service.store.tables.notes import Debrief, Note, Question
from service.store.tables.people import ApiToken, Link, Pair, Person
from service.store.tables.proposals import EarlierProposal, Proposal, ProposedTime
from service.store.tables.pulses import Pulse
from service.store.tables.running import Heartbeat, IdempotencyKey
from service.store.tables.sealing import PairKey

__all__ = [
    "AgendaItem",
    "Agreement",
    "AgreementAnswers",
    "AgreementSignature",
    "ApiToken",
    "Attendance",
    "Base",
    "BroughtJournal",
    "Calendar",
    "CalendarHost",
    "CalendarWatch",
    "CalendarWrite",
    "Claim",
    "Commitment",
    "Connection",
    "Consent",
    "CriticalDate",
    "Debrief",
    "EarlierProposal",
    "Goal",
    "Grant",
    "Heartbeat",
    "HelpRequest",
    "IdempotencyKey",
    "Inbound",
    "Link",
    "Look",
    "MailboxMail",
    "MailboxMark",
    "Meeting",
    "MeetingGoal",
    "Note",
    "OutboxRow",
    "Pair",
    "PairKey",
    "ParkedPoint",
    "Person",
    "Preparation",
    "Proposal",
    "ProposedTime",
    "Pulse",
    "PutAway",
    "Question",
    "Reflection",
    "SendTime",
    "SendingGrant",
    "Sighting",
    "Suggestion",
    "WhatMatters",
]
