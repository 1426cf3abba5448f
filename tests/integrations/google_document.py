"""What Google's own document of its calendar says about a request: its method, its parameters, its body, its scopes.

The document is the one that ships in Google's client; the fake refuses whatever it does not name.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

JSON = dict[str, Any]
AUTH = "https://www.googleapis.com/auth/"


class Refused(Exception):
    """An error answer in the form that Google gives it."""

    def __init__(self, status: int, reason: str, message: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.message, self.headers = status, reason, message or reason, headers or {}

    @property
    def body(self) -> JSON:
        first = {"domain": "global", "reason": self.reason, "message": self.message}
        return {"error": {"code": self.status, "message": self.message, "errors": [first]}}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the document allows: `path` are the parts of the address, `query` its options."""

    method: str
    path: dict[str, str]
    query: dict[str, Any]
    body: JSON | None
    scopes: frozenset[str]


def document() -> JSON:
    return document_of("calendar.v3")


@cache
def document_of(api: str) -> JSON:
    spec = importlib.util.find_spec("googleapiclient")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "discovery_cache" / "documents"
    found: JSON = json.loads((folder / f"{api}.json").read_text(encoding="utf-8"))
    return found


@cache
def _methods() -> list[tuple[str, re.Pattern[str], JSON]]:
    return [
        (method["httpMethod"], re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", method["path"]) + "$"), method)
        for resource in document()["resources"].values()
        for method in resource["methods"].values()
    ]


def asked(verb: str, path: str, query: list[tuple[str, str]], body: bytes) -> Asked:
    """Raises Refused for what the document does not know."""
    for method_verb, pattern, method in _methods():
        match = pattern.match(path)
        if match and method_verb == verb:
            parts = {name: unquote(value) for name, value in match.groupdict().items()}
            known = {**document()["parameters"], **method.get("parameters", {})}
            return Asked(
                method=method["id"].removeprefix("calendar."),
                path=parts,
                query=_options(known, parts, query),
                body=_body(method, body),
                scopes=frozenset(method["scopes"]),
            )
    raise Refused(404, "notFound", "Not Found")


def _options(known: JSON, parts: dict[str, str], query: list[tuple[str, str]]) -> JSON:
    found: JSON = {}
    for name, raw in query:
        if name not in known or name in parts:
            raise Refused(400, "invalidParameter", f"Unknown parameter: {name}")
        value = _option(name, known[name], raw)
        if known[name].get("repeated"):
            found.setdefault(name, []).append(value)
        elif name in found:
            raise Refused(400, "invalidParameter", f"{name} twice")
        else:
            found[name] = value
    missing = [name for name, each in known.items() if each.get("required") and name not in {*found, *parts}]
    if missing:
        raise Refused(400, "required", f"Required: {missing[0]}")
    return found


def _option(name: str, rule: JSON, raw: str) -> Any:
    if rule["type"] == "boolean" and raw in {"true", "false"}:
        return raw == "true"
    if rule["type"] == "integer" and raw.isdecimal():
        if not int(rule.get("minimum", 0)) <= int(raw) <= int(rule.get("maximum", raw)):
            raise Refused(400, "invalidParameter", f"{name} is out of its range")
        return int(raw)
    if rule["type"] == "string" and raw in rule.get("enum", [raw]):
        if rule.get("format") == "date-time":
            moment(raw)
        return raw
    raise Refused(400, "invalidParameter", f"Invalid value for {name}")


def _body(method: JSON, raw: bytes) -> JSON | None:
    if "request" not in method:
        if raw:
            raise Refused(400, "badRequest", "a body where none belongs")
        return None
    try:
        body = json.loads(raw)
    except ValueError:
        raise Refused(400, "parseError", "Parse Error") from None
    check_value(body, {"$ref": method["request"]["$ref"]}, "body")
    assert isinstance(body, dict)
    return body


TYPES = {"string": str, "boolean": bool, "array": list, "object": dict, "number": (int, float)}


def check_value(value: object, rule: JSON, where: str) -> None:
    """Raises Refused where a body has what its schema does not: a name, a type, or what only Google may set."""
    if "$ref" in rule:
        rule = document()["schemas"][rule["$ref"]]
    if value is None:
        return  # "clear this" in a patch
    kind = rule.get("type", "any")
    right = isinstance(value, int) and not isinstance(value, bool) if kind == "integer" else True
    if not right or (kind in TYPES and not isinstance(value, TYPES[kind])):
        raise Refused(400, "invalid", f"Invalid value at {where}")
    if isinstance(value, list):
        for each in value:
            check_value(each, rule["items"], f"{where}[]")
    if isinstance(value, dict):
        for name, each in value.items():
            inner = rule.get("properties", {}).get(name) or rule.get("additionalProperties")
            if inner is None or "Read-only." in inner.get("description", ""):
                raise Refused(400, "invalid", f'Unknown name "{name}" at {where}')
            check_value(each, inner, f"{where}.{name}")
    if rule.get("format") == "date-time" and isinstance(value, str):
        moment(value)


def moment(raw: str) -> datetime:
    """RFC 3339, with an offset, as Google wants it."""
    try:
        found = datetime.fromisoformat(raw.replace("Z", "+00:00"))
    except ValueError:
        raise Refused(400, "badRequest", "Bad Request") from None
    if found.tzinfo is None:
        raise Refused(400, "badRequest", "a time without an offset")
    return found


def partial(value: Any, mask: str | None, schema: str) -> Any:
    """The answer with only the `fields` that were asked for (Google's guide to partial responses)."""
    if mask is None:
        return value
    tree, rest = _mask(mask)
    if rest:
        raise Refused(400, "invalidParameter", f"Invalid field selection {mask}")
    return _kept(value, tree, {"$ref": schema})


def _mask(text: str) -> tuple[dict[str, Any], str]:
    """`a,b/c,d(e,f)` as a tree of names; an empty one takes everything below it."""
    tree: dict[str, Any] = {}
    while match := re.match(r"(\w+)(/|\()?", text):
        name, sign, text = match[1], match[2], text[match.end() :]
        below: dict[str, Any] = {}
        if sign == "/":
            inner = re.match(r"[\w/]+(\([^()]*\))?", text)
            assert inner is not None
            below, _ = _mask(inner[0])
            text = text[inner.end() :]
        elif sign == "(":
            below, text = _mask(text)
            if not text.startswith(")"):
                raise Refused(400, "invalidParameter", "Invalid field selection")
            text = text[1:]
        tree[name] = below
        if not text.startswith(","):
            break
        text = text[1:]
    return tree, text


def _kept(value: Any, tree: dict[str, Any], rule: JSON) -> Any:
    if "$ref" in rule:
        rule = document()["schemas"][rule["$ref"]]
    if isinstance(value, list):
        return [_kept(each, tree, rule["items"]) for each in value]
    known = rule["items"] if rule.get("type") == "array" else rule
    if "$ref" in known:
        known = document()["schemas"][known["$ref"]]
    names = known.get("properties")
    for name in tree:
        if names is not None and name not in names:
            raise Refused(400, "invalidParameter", f"Invalid field selection {name}")
    if not tree or not isinstance(value, dict):
        return value
    rules = {name: (names or {}).get(name) or known.get("additionalProperties", {}) for name in value}
    return {name: _kept(each, tree[name], rules[name]) for name, each in value.items() if name in tree}
