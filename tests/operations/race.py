"""One racing process: many threads that all want overlapping times of the same mentor. Prints one outcome a line."""

import json
import sys
import threading
from datetime import datetime, timedelta

from service.domain.errors import SlotTaken
from service.operations import booking
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store import claims
from service.store.database import Database, connect, load_row
from service.store.tables import Meeting, Pair
from service.store.types import Keyring

AGE = timedelta(hours=1)


def attempt(database: Database, plan: dict, number: int) -> str:
    """`taken`, or what stands now: one meeting that is moved ten times is still one meeting."""
    now, start = datetime.fromisoformat(plan["now"]), datetime.fromisoformat(plan["start"])
    start += timedelta(minutes=15 * (number % 2))  # overlapping, not only equal
    try:
        with database.write() as session:
            if number % 5 == 4:  # one in five moves a meeting that stands elsewhere
                claims.take_turns_of(session, plan["pairs"][0])
                meeting = load_row(session, Meeting, plan["moving"])
                booking.reschedule(session, now, AGE, meeting, start, meeting.pair.mentee_id)
                return f"moved-{meeting.id}"
            pair = session.get(Pair, plan["pairs"][number % len(plan["pairs"])])
            query = SlotQuery(pair.id, "check-in", minutes=30 + 15 * (number % 3))
            made = booking.book(session, now, AGE, query, BookingInput(start=start, by_id=pair.mentee_id))
            return f"booked-{made.id}"
    except SlotTaken:
        return "taken"


def main() -> None:
    plan = json.loads(sys.argv[1])
    database = Database(connect(plan["url"], Keyring(tuple(plan["keys"])), plan["threads"]))
    gate = threading.Barrier(plan["threads"])
    outcomes: list[str] = []

    def run(number: int) -> None:
        gate.wait()
        outcomes.append(attempt(database, plan, number))

    threads = [threading.Thread(target=run, args=(plan["first"] + at,)) for at in range(plan["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write("\n".join(outcomes) + "\n")


if __name__ == "__main__":
    main()
