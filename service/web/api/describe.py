"""OpenAPI 3.1, made of the calls that are registered and the models that check them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

from flask import Response, jsonify
from pydantic import BaseModel

from service.web.api.answers import Problem
from service.web.api.frame import CALLS, PREFIX, PROBLEM, Call, blueprint
from service.web.api.meetings import LONGEST_KEY

WORDS = {
    200: "OK", 201: "Created", 202: "Somebody has to say yes first", 204: "Done", 400: "Not a JSON object",
    401: "No token that is known", 403: "Not allowed", 404: "Not there, or not yours",
    409: "It conflicts with what stands", 413: "Too large", 415: "Not JSON", 422: "A field or a rule refuses it",
    429: "Too often", 500: "A mistake of ours", 503: "A calendar or the database cannot be reached",
}  # fmt: skip
ALWAYS = frozenset({401, 403, 500, 503})  # 403: what is for a person is not for the coordinator, and the other way
WITH_A_BODY = frozenset({400, 413, 415, 422})

Mode = Literal["validation", "serialization"]
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same key and body again: the same meeting",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Needs no token: it holds nothing of anybody."""
    return jsonify(description())


@cache
def description() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    models: dict[str, Any] = {}
    _schema(Problem, models, "serialization")
    for each in CALLS:
        path = PREFIX + re.sub(r"<int:(\w+)>", r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, models)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Greenroom", "version": "1"},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(models.items())),
        },
    }


def _operation(each: Call, models: dict[str, Any]) -> dict[str, Any]:
    statuses = ALWAYS | set(each.statuses) | (set() if each.method == "GET" else {429})
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{each.method.lower()}{each.path}").strip("_"),
        "summary": each.summary,
    }
    parameters = _parameters(each)
    if parameters:
        operation["parameters"] = parameters
    if each.body is not None:
        statuses |= WITH_A_BODY
        body = _schema(each.body, models, "validation")
        needed = any(field.is_required() for field in each.body.model_fields.values())
        operation["requestBody"] = {"required": needed, "content": {"application/json": {"schema": body}}}
    operation["responses"] = {str(status): _response(each, status, models) for status in sorted(statuses)}
    return operation


def _parameters(each: Call) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}
        for name in re.findall(r"<int:(\w+)>", each.path)
    ]
    found += [
        {
            "name": query.name,
            "in": "query",
            "required": query.required,
            "description": query.meaning,
            "schema": query.schema,
        }
        for query in each.query
    ]
    if each.keyed:
        found.append(KEY)
    return found


def _schema(
    model: type[BaseModel], models: dict[str, Any], mode: Literal["validation", "serialization"]
) -> dict[str, str]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode=mode)
    models.update(schema.pop("$defs", {}))
    models[model.__name__] = schema
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _response(each: Call, status: int, models: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": WORDS[status]}
    if status >= 400:
        told["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    else:
        answer = each.accepted if status == 202 else each.answer
        if answer is not None:
            told["content"] = {"application/json": {"schema": _schema(answer, models, "serialization")}}
    return told
