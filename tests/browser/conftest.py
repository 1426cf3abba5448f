"""A real Chromium on a real server: gunicorn's application in a thread of its own, one service a test."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace

import pytest
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from integrations.maildir_mail import MaildirMailer
from service.web import create_app
from tests.smtp import free_port

HOW_TO = "no Chromium: on Debian, apt install chromium; elsewhere, playwright install chromium"


def _executable() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        path = _executable()
        if path is None and not os.path.exists(playwright.chromium.executable_path):
            if os.environ.get("CI") == "true":
                pytest.fail(HOW_TO)
            pytest.skip(HOW_TO)
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        launched = playwright.chromium.launch(executable_path=path, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def chromium(browser):
    """One browser for all tests; the windows of each end with it, for a window is a process that goes on working."""
    yield browser
    for context in browser.contexts:
        context.close()


@pytest.fixture
def site(services):
    """The services with a local mailbox, served on loopback under their own base URL."""
    port = free_port()
    settings = replace(services.settings, port=port)
    local = replace(services, settings=settings, mailer=MaildirMailer(settings.data_dir / "mailbox"))
    server = make_server("127.0.0.1", port, create_app(local), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield local
    server.shutdown()
    thread.join()
    server.server_close()
