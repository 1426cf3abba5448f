"""docs/privacy.md says what service.domain.access and service.domain.retention hold, cell by cell."""

from datetime import timedelta
from itertools import takewhile
from pathlib import Path

from service.domain.access import CELLS, COLUMNS, TABLES, Action, Thing, When
from service.domain.retention import PERIODS, Period
from service.domain.retention import TABLES as GOING

PAGE = Path(__file__).parent.parent / "docs" / "privacy.md"
NAMES = {
    Thing.PERSON: "Your name, address, time zone, hours",
    Thing.PAIR: "That you two are a pair",
    Thing.ENDING: "That you end it",
    Thing.USUAL_PLACE: "Your usual place",
    Thing.MEETING: "That you meet, and when",
    Thing.SESSION: "What kind of meeting it is",
    Thing.PLACE: "The place or link of one meeting",
    Thing.ASK: "What the mentee wants from the hour",
    Thing.REASON: "The reason of a move or a cancellation",
    Thing.AGENDA: "Points of the agenda",
    Thing.PROPOSAL: "Times that one offers, and the words with them",
    Thing.COMMITMENT: "What you agreed in a meeting",
    Thing.PRIVATE: "Your notes to yourself",
    Thing.NOTE: "A thought or a story that you wrote down",
    Thing.QUESTION: "A question that the mentor left",
    Thing.KEPT_ANSWER: "What the mentee answers to it",
    Thing.DEBRIEF: "Looking back on a meeting",
    Thing.DATE: "A date that matters: its kind, time, shared name",
    Thing.PRIVATE_LABEL: "Your own name for that date",
    Thing.GOAL: "Goals",
    Thing.SUGGESTION: "What the mentor suggests, and what the mentee makes of it",
    Thing.PULSE: "Half-way: what you would have more of, less of, and keep",
    Thing.PRIMER: "Which short cards you have read",
    Thing.MATTERS: "What matters to the mentee",
    Thing.AGREEMENT: "Your agreement",
    Thing.ANSWERS: "Your answers before you compare",
    Thing.LOOKED: "Who looked at your pair",
    Thing.BUSY: "Your busy times",
    Thing.CONNECTION: "Your connected calendars",
    Thing.SECRET: "Passwords and tokens of calendars",
    Thing.LINK: "Your links",
    Thing.MAIL: "Mails to you",
    Thing.ANSWER_MAIL: "Mails from you to us",
    Thing.STRANGERS_MAIL: "Addresses of strangers who answered",
    Thing.SENDER: "The account that mail is sent from",
    Thing.PROGRAMME: "How many pairs there are, and whether each meets",
    Thing.HELP: "What you ask of the coordinator",
    Thing.RUNNING: "What keeps the service in step",
}
KEPT = {
    Period.BUSY: ("A copy of busy times that cannot be read again", "{} after it was read"),
    Period.OFFERS: ("Times that one offered and nobody took", "{} after they ended"),
    Period.BODIES: ("The words of a mail that we sent, and of your answers to us", "{}"),
    Period.DELIVERY: ("That there was such a mail, to whom and when", "{}; of a meeting, since that was over"),
    Period.CONTENT: ("What the two of you wrote", "{} after your pair ended, or as your agreement says"),
    Period.NOTICE: ("You are told before that goes", "at least {} ahead"),
    Period.ACCESS: ("Your connected calendars, and what opens them", "until the last of your pairs ends"),
    Period.LAST_WRITES: ("— where one does not let go of your meetings, we try for", "{}"),
    Period.COUNTS: ("That you were a pair, and when you met", "{} after your pair ended"),
}
VERBS = {
    frozenset(): "—",
    frozenset({Action.READ}): "reads",
    frozenset({Action.WRITE}): "changes",
    frozenset({Action.COUNT}): "that it is there",
    frozenset({Action.READ, Action.WRITE}): "reads, changes",
    frozenset({Action.READ, Action.COUNT}): "that it is there; reads",
}
WHENS = {
    When.SHARED: "once it is shared",
    When.BOTH: "once both have answered",
    When.LEVEL: "as your level allows",
    When.TICKED: "if both of you agreed to that",
    When.OFFERED: "only as times that are offered",
}


def test_the_table_on_the_page_is_the_table_in_the_code():
    told = []
    for thing in Thing:
        cells = [CELLS[role, thing] for role in COLUMNS]
        words = [VERBS[cell.actions] + (f" {WHENS[cell.when]}" if cell.when else "") for cell in cells]
        told.append(f"| {' | '.join([NAMES[thing], *words])} |")
    assert rows_of(" You | ") == told


def rows_of(head):
    """The rows of the table whose head has this in it."""
    lines = PAGE.read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("|") and head in line) + 2
    return list(takewhile(lambda line: line.startswith("|"), lines[start:]))


def test_how_long_it_is_kept_on_the_page_is_what_the_clock_does():
    table = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows_of(" How long ")]
    assert [what for what, _ in table] == [KEPT[period][0] for period in Period]
    assert [long for _, long in table] == [KEPT[period][1].format(told(PERIODS[period])) for period in Period]


def told(period):
    if period >= timedelta(days=365):
        return f"{period.days // 365} years"
    if period == timedelta(hours=24):
        return "24 hours"
    return f"{period.days} days"


def test_nothing_is_kept_that_nobody_thought_of_when_it_goes():
    assert set(GOING) == set(TABLES)
