"""Who may import whom, and that names written as text lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from integrations import rq_jobs
from workers import run

ROOT = Path(__file__).parents[1]


def test_import_rules_hold() -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("name", [rq_jobs.SEND_BATCH, rq_jobs.READ_CALENDARS, rq_jobs.READ_INBOUND])
def test_every_job_name_leads_to_the_function_that_workers_allow(name: str) -> None:
    module, _, function = name.rpartition(".")
    assert run.JOBS[name] is getattr(import_module(module), function)


def test_workers_allow_no_other_job() -> None:
    assert set(run.JOBS) == {
        value for _, value in vars(rq_jobs).items() if isinstance(value, str) and "workers." in value
    }


def test_the_command_that_is_installed_is_ours() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, _, function = scripts["greenroom"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_both_locks_hold_what_pyproject_asks_for() -> None:
    """A changed dependency without `make lock` would be found on somebody else's machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for lock, wanted in (
        ("runtime", project["dependencies"] + extras["demo"]),
        ("dev", project["dependencies"] + extras["demo"] + extras["dev"]),
    ):
        text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
        locked = {found[1]: found[2] for found in re.finditer(r"^([a-z0-9._-]+)==([^ ;]+)", text, re.MULTILINE)}
        for requirement in map(Requirement, wanted):
            name = canonicalize_name(requirement.name)
            assert name in locked, f"{name} is not in {lock}.txt"
            assert requirement.specifier.contains(locked[name], prereleases=True), name
