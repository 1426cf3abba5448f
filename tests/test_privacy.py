"""docs/privacy.md says what service.domain.access holds, cell by cell."""

from pathlib import Path

from service.domain.access import CELLS, COLUMNS, Action, Thing, When

PAGE = Path(__file__).parent.parent / "docs" / "privacy.md"
NAMES = {
    Thing.PERSON: "Your name, address, time zone, hours",
    Thing.PAIR: "That you two are a pair",
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
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]
    assert rows == told
