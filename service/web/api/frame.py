"""What every call shares: the token, the body as a model, problems as RFC 9457, and the description made of both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, cast

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, to_json
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.domain import errors
from service.domain.access import Action, Role, Thing, When, may
from service.store.database import AWAY
from service.store.pair_rows import PairRow, load_asker
from service.store.tables import Person
from service.store.types import fingerprint
from service.web.page import limited_call, looking, one_look, words
from service.web.status import status_of

PREFIX = "/api/v1"
blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
PROBLEM = "application/problem+json"
MOST_BODY = 256 * 1024
LARGEST_ID = 2**31 - 1  # what an INTEGER column holds in every database; beyond it nothing can be there


class Model(BaseModel):
    """Input and output: nothing unknown is taken, so that a misspelt field is told instead of lost; and nothing is
    bent into shape, so that `true` is no number of minutes."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a person, or the coordinator (`person_id` None); and the pair that was read with their token."""

    person_id: int | None
    pair: PairRow | None = None

    @property
    def me(self) -> int:
        """Raises NotAllowed for the coordinator, who is nobody in a pair."""
        if self.person_id is None:
            raise errors.NotAllowed("not_a_person")
        return self.person_id

    def check(self, thing: Thing, action: Action) -> None:
        """Raises NotAllowed where nobody of their kind ever may; of which pair they are is for the operation."""
        if not _ever(self.person_id is None, thing, action):
            raise errors.NotAllowed("not_a_person" if self.person_id is None else "coordinator_only")


@cache
def _ever(coordinator: bool, thing: Thing, action: Action) -> bool:
    roles = (Role.COORDINATOR,) if coordinator else (Role.AUTHOR, Role.OTHER)
    return any(may(role, thing, action, *When) for role in roles)


class Unauthorized(errors.GreenroomError):
    """No token, or none that we know."""

    code = "unauthorized"


class Malformed(errors.GreenroomError):
    """The body is no JSON object."""

    code = "malformed"


class WrongType(errors.GreenroomError):
    """The body says that it is something else than JSON."""

    code = "wrong_type"


class TooLarge(errors.GreenroomError):
    """More than any call needs."""

    code = "too_large"


class TakenWithFresh(errors.SlotTaken):
    """Too late, with a few times that are free now."""

    def __init__(self, fresh: list[dict[str, Any]]) -> None:
        super().__init__()
        self.fresh = fresh


# What goes wrong before an operation is asked; the rest is in web/status.
STATUS: dict[type[errors.GreenroomError], int] = {Unauthorized: 401, Malformed: 400, WrongType: 415, TooLarge: 413}


@dataclass(frozen=True, slots=True)
class Query:
    """One parameter of a question, as the description tells it."""

    name: str
    meaning: str
    schema: dict[str, Any]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One operation as it runs, and as the description tells it."""

    method: str
    path: str
    summary: str
    body: type[BaseModel] | None
    answer: type[BaseModel] | None
    accepted: type[Model] | None  # the answer of 202, where something outside has to happen first
    statuses: tuple[int, ...]
    query: tuple[Query, ...]
    keyed: bool
    about: Thing


CALLS: list[Call] = []
BRANCHES = ("a_text", "a_point")  # how pydantic names the forms that one field may take; no name of ours


def call(
    method: str,
    path: str,
    summary: str,
    *,
    body: type[BaseModel] | None = None,
    answer: type[BaseModel] | None = None,
    accepted: type[Model] | None = None,
    status: int = 200,
    may: tuple[int, ...] = (),
    query: tuple[Query, ...] = (),
    keyed: bool = False,
    about: Thing,
    with_pair: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function as a route and in the description: one place for both. It gets the caller, the body's model
    where there is one, and the path's numbers; it returns an `answer`, or the same as JSON where there are many.
    `about`: what it reads or writes, and so who may call it at all. `with_pair`: the caller comes with the path's pair,
    in one select with their token."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        statuses = (status, *may) if accepted is None else (status, 202, *may)
        CALLS.append(Call(method, path, summary, body, answer, accepted, statuses, query, keyed, about))

        @wraps(function)
        def view(**numbers: int) -> Response:
            with one_look() if method == "GET" else nullcontext():
                return answered(**numbers)

        def answered(**numbers: int) -> Response:
            caller = _caller(min(numbers["pair_id"], LARGEST_ID) if with_pair else None)
            caller.check(about, Action.READ if method == "GET" else Action.WRITE)
            if method != "GET":
                limited_call(request.headers["Authorization"])
            if any(number > LARGEST_ID for number in numbers.values()):
                raise errors.NotFound
            given = {"body": _body(body)} if body is not None else {}
            found = function(caller, **given, **numbers)
            return _answer(found, 202 if accepted is not None and isinstance(found, accepted) else status)

        blueprint.add_url_rule(path, f"{method} {path}".replace(".", ""), view, methods=[method])
        return function

    return register


def _answer(found: BaseModel | str | None, status: int) -> Response:
    if isinstance(found, BaseModel):
        found = found.model_dump_json(by_alias=True, exclude_unset=True)
    octets = (found or "").encode()
    response = Response(octets, status, content_type="application/json" if octets else None)
    response.headers["Cache-Control"] = "no-store"
    return response


def _caller(pair_id: int | None) -> Caller:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthorized
    with looking() as look:
        found = load_asker(look, fingerprint(token.strip()), pair_id)
    if found is None:
        raise Unauthorized
    return Caller(*found)


def _body(model: type[BaseModel]) -> BaseModel:
    """Straight from the octets, so that what is no text in UTF-8, too deep or too large a number is no JSON either."""
    if (request.content_length or 0) > MOST_BODY:
        raise TooLarge
    if request.mimetype and not request.is_json:
        raise WrongType
    raw = request.get_data()
    try:
        return model.model_validate_json(raw if raw.strip() else b"{}")  # what needs nothing may be sent nothing
    except ValidationError as fault:
        found = fault.errors(include_url=False, include_input=False)
        if not found[0]["loc"]:
            raise Malformed from None
        raise errors.InvalidInput(*(_field_fault(each) for each in found)) from None


# pydantic's kind of fault -> the catalogue's `fault.<code>`: its own sentences are for programmers and in English.
FAULTS = {
    "missing": "missing", "extra_forbidden": "unknown_field", "timezone_aware": "naive", "string_type": "not_text",
    "int_type": "not_whole", "bool_type": "not_true_or_false", "list_type": "not_a_list",
    "model_type": "not_a_mapping", "literal_error": "one_of", "string_too_long": "too_long",
    "greater_than_equal": "at_least", "less_than_equal": "at_most", "bad_time": "bad_time", "bad_wall": "bad_wall",
    "bad_day": "bad_date",
}  # fmt: skip


def _field_fault(each: ErrorDetails) -> errors.FieldFault:
    context = each.get("ctx", {})
    params = {
        "most": context.get("le", context.get("max_length")),
        "least": context.get("ge"),
        "known": str(context.get("expected", "")).replace("'", ""),
    }
    field = ".".join(str(part) for part in each["loc"] if part not in BRANCHES)
    return errors.FieldFault(field, FAULTS.get(each["type"], "unusable"), params)


def person_of(session: Session, caller: Caller) -> Person:
    found = session.get(Person, caller.me)
    if found is None:
        raise errors.NotFound
    return found


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    """RFC 9457; `type` is stable for each code."""
    title = words()("problem.title") if status < 500 else words()("problem.title.ours")
    body = {"type": f"urn:greenroom:problem:{code}", "title": title, "status": status, "code": code, "detail": detail}
    response = Response(to_json(body | more), status, content_type=PROBLEM)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _faults(error: errors.InvalidInput) -> list[dict[str, str]]:
    t = words()
    return [
        {"field": each.field, "code": each.code, "detail": t(f"fault.{each.code}", field=each.field, **each.params)}
        for each in error.faults
    ]


@blueprint.errorhandler(errors.GreenroomError)
def _expected(error: errors.GreenroomError) -> Response:
    t = words()
    status = STATUS.get(type(error)) or status_of(error)
    if isinstance(error, errors.InvalidInput):
        return problem(status, error.code, t("error.invalid_input", **error.params), errors=_faults(error))
    area = "adapter" if isinstance(error, errors.AdapterError) else "error"
    if isinstance(error, errors.NotFound):  # one answer, whatever is not there or not theirs
        return problem(status, "not_found", t("error.nothing_there"))
    more = {"slots": error.fresh} if isinstance(error, TakenWithFresh) else {}
    response = problem(status, error.code, t(f"{area}.{error.code}", **error.params), **more)
    if isinstance(error, errors.TooMany):
        response.headers["Retry-After"] = str(60 * cast(int, error.params["minutes"]))
    return response


def _database(_error: SQLAlchemyError) -> Response:
    return problem(503, "database", words()("error.database"))


for _away in AWAY:
    blueprint.register_error_handler(_away, _database)


@blueprint.errorhandler(HTTPException)
def http_problem(error: HTTPException) -> Response:
    """A path that is not there, a method that it does not take, a body that is too large."""
    status = error.code or 500
    code = {404: "not_found", 405: "wrong_method", 413: "too_large"}.get(status, "failed")
    response = problem(status, code, words()("error.nothing_there" if status == 404 else f"error.{code}"))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))  # RFC 9110 15.5.6
    return response
