"""The command line on a machine whose clock is wrong: how many seconds it is ahead, then `greenroom`'s arguments."""

import sys
import time
from datetime import timedelta

from service import wiring
from service.process import die_with_parent

right_time, right_now = time.time, wiring.utc_now


def main() -> None:
    die_with_parent()
    ahead = float(sys.argv.pop(1))
    time.time = lambda: right_time() + ahead
    wiring.utc_now = lambda: right_now() + timedelta(seconds=ahead)
    from service.cli import main as greenroom

    greenroom()


if __name__ == "__main__":
    main()
