"""The yardstick of the web: the smallest JSON that Flask can answer, on the web server's own settings."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify

from service import settings
from service.web.serve import Server


def app() -> Flask:
    made = Flask(__name__)

    @made.get("/")
    def hello() -> Response:
        return jsonify({"hello": "world"})

    return made


class Hello(Server):
    def load(self) -> Any:
        return app()


if __name__ == "__main__":
    Hello(settings.load()).run()
