"""A client of the API with one person's token, which holds every answer against the description."""

from __future__ import annotations

from datetime import UTC, datetime

from werkzeug.exceptions import MethodNotAllowed, NotFound

from service.web.api.answers import Problem
from service.web.api.describe import description
from service.web.api.frame import CALLS, PREFIX, PROBLEM

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
SECRET = "SECRET-LABEL"


class Api:
    def __init__(self, client, token):
        self.client, self.headers = client, {"Authorization": f"Bearer {token}"}

    def __call__(self, method, path, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.open(method, path, json=body, headers=self.headers | named)

    def send(self, method, path, octets, content_type=None):
        """A body as it is, whatever it is."""
        return self.open(method, path, data=octets, headers=self.headers, content_type=content_type)

    def open(self, method, path, **given):
        answer = self.client.open(f"{PREFIX}{path}", method=method, **given)
        _holds(self.client.application, method, path.partition("?")[0], answer)
        return answer


def _holds(app, method, path, answer):
    """What came is what the description says of this call and this status."""
    if answer.status_code >= 400:
        assert answer.content_type == PROBLEM
        Problem.model_validate_json(answer.data)
    try:
        endpoint, _ = app.url_map.bind("localhost").match(f"{PREFIX}{path}", method=method)
    except (NotFound, MethodNotAllowed):
        assert answer.status_code in {404, 405}
        return
    call = next(each for each in CALLS if endpoint == f"api.{each.method} {each.path}")
    told = description()["paths"][PREFIX + call.path.replace("<int:", "{").replace(">", "}")][method.lower()]
    assert str(answer.status_code) in told["responses"], f"{method} {path} does not tell of {answer.status_code}"
    if answer.status_code == 202:
        call.accepted.model_validate_json(answer.data)
    elif answer.status_code == 204:
        assert (call.answer, answer.data) == (None, b"")
    elif answer.status_code < 400:
        call.answer.model_validate_json(answer.data)


def first_slot(world):
    return world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=practice&date={world['date']}").json["slots"][0]


def book(world, who="ana", **more):
    body = {"start": first_slot(world)["start"], "session": "practice", "date": world["date"]} | more
    return world[who]("POST", f"/pairs/{world['pair']}/meetings", body)
