"""The web server: gunicorn with threads, one process or more."""

from __future__ import annotations

from typing import Any

from gunicorn.app.base import BaseApplication

from service import settings, wiring
from service.settings import Settings
from service.web import create_app


class Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, configured: Settings) -> None:
        self._settings = configured
        super().__init__()

    def load_config(self) -> None:
        configured = self._settings
        host = f"[{configured.bind}]" if ":" in configured.bind else configured.bind
        self.cfg.set("bind", f"{host}:{configured.port}")
        self.cfg.set("worker_class", "gthread")
        self.cfg.set("workers", configured.web_workers)
        self.cfg.set("threads", configured.web_threads)
        self.cfg.set("timeout", 60)
        self.cfg.set("graceful_timeout", 10)
        self.cfg.set("loglevel", "warning")
        self.cfg.set("control_socket_disable", True)  # its default path is one for all servers of a user

    def load(self) -> Any:
        """Once in each worker, after the fork: a database connection belongs to one process."""
        return create_app(wiring.build(self._settings))


def serve(configured: Settings | None = None) -> None:
    """Serves until SIGTERM."""
    Server(configured or settings.load()).run()
