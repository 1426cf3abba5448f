"""The agreement over JSON: alone, together, signed by what was seen."""

from __future__ import annotations

import hashlib


def test_answers_stay_alone_until_both_have_then_they_settle_and_sign(world):
    ana, ben, path = world["ana"], world["ben"], f"/pairs/{world['pair']}/agreement"
    assert len(ana("GET", "/agreement/clauses").json["clauses"]) > 30
    mine = ana("PUT", f"{path}/answers", {"clauses": {"cadence": "sprint", "hope": "ANAS-HOPE"}})
    assert (mine.status_code, mine.json["state"], mine.json["own"]["cadence"]) == (200, "draft", "sprint")
    seen = ben("GET", path)
    assert "ANAS-HOPE" not in seen.get_data(as_text=True)
    assert (seen.json["answered"], seen.json["terms"], seen.json["own"]) == (["mentee"], None, None)
    refused = ben("PUT", f"{path}/answers", {"clauses": {"cadence": "daily", "day_word": "yes"}})
    assert {each["field"]: each["code"] for each in refused.json["errors"]} == {
        "cadence": "unknown_choice", "day_word": "unknown_clause",
    }  # fmt: skip
    both = ben("PUT", f"{path}/answers", {"clauses": {}}).json
    assert both["differences"] == [{"clause": "cadence", "mentee": "sprint", "mentor": "steady"}]
    assert (both["state"], both["to_settle"], both["text"]) == ("answered", ["cadence"], None)
    early = ana("POST", f"{path}/sign", {"text_sha256": "0" * 64})
    assert (early.status_code, early.json["code"]) == (409, "agreement_not_ready")
    settled = ana("PATCH", path, {"clauses": {"cadence": "steady"}}).json
    assert settled["state"] == "discussed"
    changed = ben("PATCH", path, {"clauses": {"cadence": "light"}}).json
    late = ana("POST", f"{path}/sign", {"text_sha256": settled["text_sha256"]})
    assert (late.status_code, late.json["code"]) == (409, "agreement_changed")
    for each in (ana, ben):
        signed = each("POST", f"{path}/sign", {"text_sha256": changed["text_sha256"]}).json
    assert (signed["state"], signed["signed_by"], signed["signed_versions"]) == ("signed", ["mentee", "mentor"], [1])
    kept = ben("GET", f"{path}/versions/1").json
    assert hashlib.sha256(kept["markdown"].encode()).hexdigest() == kept["sha256"]
    assert ana("PATCH", path, {"clauses": {"cadence": "sprint"}}).json["version"] == 2
    assert ben("POST", f"{path}/withdraw").json["version"] == 1
    for method, what, body in (
        ("GET", path, None), ("PATCH", path, {"clauses": {}}), ("GET", f"{path}/versions/1", None),
        ("PUT", f"/pairs/{world['pair']}/pause", {"until": None}),
    ):  # fmt: skip
        assert world["dan"](method, what, body).status_code == 404


def test_a_pause_ends_on_a_day_within_a_year(world):
    path = f"/pairs/{world['pair']}/pause"
    told = world["ben"]("PUT", path, {"until": "2027-03-01T00:00:00Z"})
    assert (told.status_code, told.json["until"]) == (200, "2027-03-01T00:00:00Z")
    assert world["ana"]("PUT", path, {"until": "2037-03-01T00:00:00Z"}).status_code == 422
    assert world["ana"]("PUT", path, {"until": None}).json["until"] is None
