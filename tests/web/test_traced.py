"""A request's number: ours unless a proxy of ours says another, sent back, and on the page of a mistake."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from service.web import create_app, front
from tests.web.walk import text_of

GIVEN = {"X-Request-ID": "from-the-proxy-1"}


def test_nobody_chooses_it_without_a_proxy_of_ours(services, client):
    first, second = (client.get("/", headers=GIVEN).headers["X-Request-ID"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert first != second
    behind = replace(services, settings=replace(services.settings, trusted_proxies=1))
    assert create_app(behind).test_client().get("/", headers=GIVEN).headers["X-Request-ID"] == "from-the-proxy-1"


@pytest.mark.parametrize("path", ["/nowhere", "/s/unknown", "/health/live", "/api/v1/nowhere"])
def test_every_answer_carries_it(client, path):
    assert client.get(path).headers["X-Request-ID"]


def test_the_page_of_a_mistake_names_it_and_the_log_too(services, client, monkeypatch, caplog):
    def broken(*_args, **_more):
        raise RuntimeError("SECRET-TYPED")

    monkeypatch.setattr(front, "page", broken)
    answer = client.get("/")
    assert answer.status_code == 500
    assert f"name this: {answer.headers['X-Request-ID']}" in text_of(answer)
    assert "/: unexpected RuntimeError" in caplog.text
    assert "SECRET-TYPED" not in caplog.text
    assert "in broken" in caplog.records[-1].trace


def test_a_mistake_while_a_mistake_is_told_is_in_the_log_without_the_address(client, ana, monkeypatch, caplog):
    monkeypatch.setattr("service.web.booking.page", None)
    monkeypatch.setattr("service.web.page", None)
    with pytest.raises(TypeError):  # the server answers then
        client.get(f"/s/{ana[0]}?session=check-in")
    assert "/s/<token>: unexpected TypeError" in caplog.text
    assert ana[0] not in caplog.text
