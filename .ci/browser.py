"""Finds a Chromium for the browser tests, or gets one if that is easy; says in one line how to get one if not.

Debian's package when we may install it; Playwright's own download otherwise, for a minute at most. On Ubuntu the
package named chromium is not the browser, so it is not tried there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DOWNLOAD_SECONDS = 60
INSTALL_SECONDS = 300


def on_path() -> bool:
    found = (shutil.which(name) for name in NAMES)
    return any(answers(path) for path in found if path)


def answers(path: str) -> bool:
    """Whether it is a browser: Ubuntu's stub of that name prints an advice and fails."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def playwrights_own() -> bool:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - half a second that most runs need not wait

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).is_file()


def debian() -> bool:
    try:
        return "\nID=debian\n" in "\n" + Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False


def run(command: list[str], seconds: int) -> bool:
    try:
        return subprocess.run(command, timeout=seconds, check=False, stdout=subprocess.DEVNULL).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install() -> bool:
    if os.geteuid() == 0 and debian() and shutil.which("apt-get"):
        print("== installing Debian's chromium for the browser tests", flush=True)
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]
        if run(command, INSTALL_SECONDS) or (
            run(["apt-get", "update", "-q"], INSTALL_SECONDS) and run(command, INSTALL_SECONDS)
        ):
            return on_path()
    print("== fetching a Chromium for the browser tests, for a minute at most", flush=True)
    fetched = run([sys.executable, "-m", "playwright", "install", "chromium"], DOWNLOAD_SECONDS)
    return fetched and playwrights_own()


def main() -> int:
    if on_path() or playwrights_own() or install():
        return 0
    print("No Chromium, so the browser tests are skipped. To get one: apt install chromium, or playwright install.")
    return 1 if os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
