"""The image and the composition: linted, and true to what stands here. No container engine is needed for that."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import listed

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        ("hadolint", "Dockerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
    ],
)
def test_the_linters_find_nothing(command):
    program, *arguments = command
    done = subprocess.run(
        [BIN / program, *arguments], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_in_them_is_one():
    known = {name for name, _, _ in listed()}
    named = set(re.findall(r"^ +(GREENROOM_\w+?)(?:_FILE)?:", COMPOSE, re.MULTILINE))
    named |= set(re.findall(r"(GREENROOM_\w+)=", DOCKERFILE))
    assert len(named) > 8
    assert named - {"GREENROOM_DOMAIN"} <= known


def test_what_is_copied_is_there_and_let_through():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert {"service", "workers", "requirements/runtime.txt"} <= sources
    let_through = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert sources == let_through
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_runs_as_nobody_special():
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9]\d+$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert COMPOSE.count("read_only: true") == 1, "once, for all of ours"
    for part in ("migrate", "web", "worker"):
        assert re.search(rf"^  {part}:\n    <<: \*greenroom$", COMPOSE, re.MULTILINE), part


def test_every_secret_of_the_composition_is_in_the_guide():
    files = re.findall(r"\{file: (secrets/\S+)\}", COMPOSE)
    guide = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    assert len(files) == 6
    assert [file for file in files if file not in guide] == []
