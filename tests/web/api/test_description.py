"""The description fits what runs."""

from __future__ import annotations

import re

from service.web import create_app


def test_the_description_fits_what_runs(services, world):
    described = world["client"].get("/api/v1/openapi.json").json
    assert described["openapi"].startswith("3.1")
    told = {
        (method.upper(), re.sub(r"{(\w+)}", r"<int:\1>", path))
        for path, methods in described["paths"].items()
        for method in methods
    }
    runs = {
        (method, rule.rule)
        for rule in create_app(services).url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert told == runs


def test_the_description_needs_no_token_and_leads_nowhere_else(world):
    described = world["client"].get("/api/v1/openapi.json")
    assert described.status_code == 200
    schemas = described.json["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/(\w+)"', described.get_data(as_text=True)):
        assert schemas[name]["type"] == "object"
    assert "$defs" not in described.get_data(as_text=True)


def test_every_call_has_its_own_name_and_a_described_answer(world):
    described = world["client"].get("/api/v1/openapi.json").json
    calls = [call for methods in described["paths"].values() for call in methods.values()]
    assert len({call["operationId"] for call in calls}) == len(calls)
    for call in calls:
        good = min(call["responses"])
        assert (good == "204") != ("content" in call["responses"][good])
        assert {"401", "500", "503"} <= call["responses"].keys()


def test_what_a_question_takes_is_told(world):
    described = world["client"].get("/api/v1/openapi.json").json
    asked = {p["name"]: p for p in described["paths"]["/api/v1/pairs/{pair_id}/slots"]["get"]["parameters"]}
    assert asked["session"]["required"] is True
    assert "practice" in asked["session"]["schema"]["enum"]
    assert asked["limit"]["schema"]["maximum"] == 500
    booking = described["paths"]["/api/v1/pairs/{pair_id}/meetings"]["post"]
    assert "Idempotency-Key" in {p["name"] for p in booking["parameters"]}
    body = described["components"]["schemas"]["MeetingInput"]
    assert body["required"] == ["start", "session"]
    assert body["additionalProperties"] is False
    switch = described["components"]["schemas"]["MeChange"]["properties"]["when_moved"]
    assert switch["anyOf"] == [{"type": "string", "enum": ["propose", "keep"]}, {"type": "null"}]
