"""What every call shares: the token, the body as a model, problems as RFC 9457, and the description made of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from service.domain import errors
from service.store.tables import ApiToken, Person
from service.store.types import fingerprint
from service.web.page import limited_call, reading, words
from service.web.status import status_of

PREFIX = "/api/v1"
blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
PROBLEM = "application/problem+json"
MOST_BODY = 256 * 1024


class Model(BaseModel):
    """Input and output: nothing unknown is taken, so that a misspelt field is told instead of lost."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a person, or the coordinator (`person_id` None)."""

    person_id: int | None

    @property
    def me(self) -> int:
        """Raises NotAllowed for the coordinator, who is nobody in a pair."""
        if self.person_id is None:
            raise errors.NotAllowed("not_a_person")
        return self.person_id


class Unauthorized(errors.GreenroomError):
    """No token, or none that we know."""

    code = "unauthorized"


class Malformed(errors.GreenroomError):
    """The body is no JSON object."""

    code = "malformed"


@dataclass(frozen=True, slots=True)
class Call:
    """One operation as it runs, and as the description tells it."""

    method: str
    path: str
    summary: str
    body: type[Model] | None
    answer: str
    statuses: tuple[int, ...]
    query: tuple[tuple[str, str], ...]
    coordinator: bool


CALLS: list[Call] = []


def call(
    method: str,
    path: str,
    summary: str,
    *,
    body: type[Model] | None = None,
    answer: str = "object",
    status: int = 200,
    may: tuple[int, ...] = (),
    query: tuple[tuple[str, str], ...] = (),
    coordinator: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function as a route and in the description: one place for both. It gets the caller, the body's model
    where there is one, and the path's numbers; it returns what becomes JSON."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        CALLS.append(Call(method, path, summary, body, answer, (status, *may), query, coordinator))

        @wraps(function)
        def view(**numbers: int) -> Response:
            caller = _caller()
            if coordinator and caller.person_id is not None:
                raise errors.NotAllowed("coordinator_only")
            if method != "GET":
                limited_call(fingerprint(request.headers["Authorization"]))
            given = {"body": _body(body)} if body is not None else {}
            found = function(caller, **given, **numbers)
            code = status
            if isinstance(found, tuple):
                found, code = found
            response = jsonify(found) if found is not None else Response(status=204)
            if found is not None:
                response.status_code = code
            response.headers["Cache-Control"] = "no-store"
            return response

        blueprint.add_url_rule(path, f"{method} {path}".replace(".", ""), view, methods=[method])
        return function

    return register


def _caller() -> Caller:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthorized
    with reading() as session:
        row = session.execute(
            select(ApiToken.person_id).where(
                ApiToken.token_hash == fingerprint(token.strip()), ApiToken.revoked_at.is_(None)
            )
        ).one_or_none()
    if row is None:
        raise Unauthorized
    return Caller(row.person_id)


def _body(model: type[Model]) -> Model:
    if (request.content_length or 0) > MOST_BODY:
        raise errors.GreenroomError("too_large")
    raw = request.get_data()
    try:
        given = json.loads(raw) if raw.strip() else {}  # where nothing is needed, nothing need be sent
    except ValueError:
        raise Malformed from None
    if not isinstance(given, dict):
        raise Malformed
    try:
        return model.model_validate(given)
    except ValidationError as fault:
        raise errors.InvalidInput(
            *(
                errors.FieldFault(
                    ".".join(str(part) for part in each["loc"]) or "body", "model", {"said": each["msg"].rstrip(".")}
                )
                for each in fault.errors(include_url=False, include_context=False, include_input=False)
            )
        ) from None


def person_of(session: Session, caller: Caller) -> Person:
    found = session.get(Person, caller.me)
    if found is None:
        raise errors.NotFound
    return found


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    """RFC 9457; `type` is stable for each code."""
    title = words()("problem.title") if status < 500 else words()("problem.title.ours")
    body = {"type": f"urn:greenroom:problem:{code}", "title": title, "status": status, "code": code, "detail": detail}
    response = jsonify(body | more)
    response.status_code = status
    response.content_type = PROBLEM
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


@blueprint.errorhandler(errors.GreenroomError)
def _expected(error: errors.GreenroomError) -> Response:
    t = words()
    status = {Unauthorized: 401, Malformed: 400}.get(type(error)) or status_of(error)
    status = 413 if error.code == "too_large" else status
    if isinstance(error, errors.InvalidInput):
        faults = [
            {"field": each.field, "code": each.code, "detail": t(f"fault.{each.code}", field=each.field, **each.params)}
            for each in error.faults
        ]
        return problem(status, error.code, t("error.invalid_input", **error.params), errors=faults)
    area = "adapter" if isinstance(error, errors.AdapterError) else "error"
    if isinstance(error, errors.NotFound):  # one answer, whatever is not there or not theirs
        return problem(status, "not_found", t("error.nothing_there"))
    more = getattr(error, "more", {})
    return problem(status, error.code, t(f"{area}.{error.code}", **error.params), **more)


@blueprint.errorhandler(OperationalError)
def _database(_error: OperationalError) -> Response:
    return problem(503, "database", words()("error.database"))


@blueprint.errorhandler(HTTPException)
def http_problem(error: HTTPException) -> Response:
    """A path that is not there, a method that it does not take, a body that is too large."""
    status = error.code or 500
    code = {404: "not_found", 405: "wrong_method", 413: "too_large"}.get(status, "failed")
    return problem(status, code, words()("error.nothing_there" if status == 404 else f"error.{code}"))
