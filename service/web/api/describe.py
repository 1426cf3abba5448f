"""OpenAPI 3.1, made of the calls that are registered and the models that check them."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, jsonify

from service.web.api.frame import CALLS, PROBLEM, Call, Model, blueprint

WORDS = {
    200: "OK", 201: "Created", 204: "Done", 400: "Not a JSON object", 401: "No token that is known", 403: "Not allowed",
    404: "Not there, or not yours", 409: "It conflicts with what stands", 422: "A field or a rule refuses it",
    429: "Too often", 503: "A calendar or the database cannot be reached",
}  # fmt: skip


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return jsonify(description())


def description() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    models: dict[str, Any] = {}
    for each in CALLS:
        path = "/api/v1" + re.sub(r"<int:(\w+)>", r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, models)
    problem = {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "code": {"type": "string"}, "detail": {"type": "string"}, "errors": {"type": "array"},
        },
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "Greenroom", "version": "1"},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": models | {"Problem": problem},
        },
    }


def _operation(each: Call, models: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}
        for name in re.findall(r"<int:(\w+)>", each.path)
    ]
    parameters += [
        {
            "name": name,
            "in": "query",
            "required": name == "session",
            "description": meaning,
            "schema": {"type": "string"},
        }
        for name, meaning in each.query
    ]
    if each.method == "POST" and each.path.endswith("/meetings"):
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200}})
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{each.method.lower()}{each.path}").strip("_"),
        "summary": each.summary,
        "responses": {str(status): _response(status) for status in sorted({*each.statuses, 401, 429})},
    }
    if parameters:
        operation["parameters"] = parameters
    if each.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(each.body, models)}},
        }
        operation["responses"]["400"] = _response(400)
    return operation


def _schema(model: type[Model], models: dict[str, Any]) -> dict[str, str]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    models.update(schema.pop("$defs", {}))
    models[model.__name__] = schema
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _response(status: int) -> dict[str, Any]:
    if status == 204:
        return {"description": WORDS[status]}
    kind = "application/json" if status < 400 else PROBLEM
    schema = {"type": "object"} if status < 400 else {"$ref": "#/components/schemas/Problem"}
    return {"description": WORDS[status], "content": {kind: {"schema": schema}}}
