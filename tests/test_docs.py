"""The documents are true: settings, files and words that they name stand, and nothing of a machine is in the tree."""

from __future__ import annotations

import ast
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from babel.messages.pofile import read_po

from integrations import google_consent, microsoft_consent
from service.cli import main as greenroom
from service.settings import every

ROOT = Path(__file__).parents[1]
CODE = ("service", "integrations", "workers")
KEY = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+(?<!\.html)(?<!\.css)(?<!\.js)(?<!\.json)(?<!\.txt)(?<!\.ics)")


def tracked() -> list[Path]:
    """What git keeps, or would keep; in an unpacked archive without git, every file of ours."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().splitlines() if (ROOT / name).is_file()]
    hidden = {".venv", ".demo", ".git"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.relative_to(ROOT).parts)]


def test_readme_lists_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if re.match(r"\| `[A-Z]", line)]
    assert rows == [row_of(field) for field in every()], "make the table anew from Settings"


def row_of(field: Any) -> str:
    about = field.metadata
    return f"| `{about['name']}` | {default_of(field.default)} | `{about['example']}` | {about['meaning']} |"


def default_of(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{int(value)}`"
    if isinstance(value, timedelta):
        return f"`{value.total_seconds():g}`"
    return f"`{value}`" if isinstance(value, str | int) else ""


@pytest.mark.parametrize(
    "document", ["DESIGN.md", "README.md", "CHANGELOG.md", *(f"docs/{n}.md" for n in ("operator",))]
)
def test_documents_name_only_what_stands(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    told = set(re.findall(r"`((?:service|integrations|workers|tests|bench|docs|requirements|\.ci)/[\w./*-]*)`", text))
    told |= {target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target}
    base = (ROOT / document).parent
    missing = sorted(name for name in told if not (any(ROOT.glob(name)) if "*" in name else stands(name, base)))
    assert not missing


def stands(name: str, base: Path) -> bool:
    return (base / name).exists() or (ROOT / name).exists()


def test_the_rooms_in_design_are_the_rooms_that_stand() -> None:
    """The tree in DESIGN.md: every file that it names exists, every module of the code is in one of its rooms."""
    text = (ROOT / "DESIGN.md").read_text(encoding="utf-8")
    tree = text.split("```")[1]
    folders: list[str] = []
    named: set[Path] = set()
    for line in tree.splitlines():
        depth, entry = (len(line) - len(line.lstrip())) // 2, line.strip().split("  ")[0]
        if not entry:
            continue
        folders = folders[:depth]
        for name in entry.split():
            named.add(ROOT.joinpath(*folders, name))
        if entry.endswith("/"):
            folders.append(entry)
    assert not sorted(str(path.relative_to(ROOT)) for path in named if not path.exists())
    opened = {path.parent for path in named}  # a folder whose files are told one by one must tell them all
    rooms = {path for path in named if path.is_dir()} - opened
    modules = [path for room in CODE for path in (ROOT / room).rglob("*.py") if path.name != "__init__.py"]
    homeless = [path for path in modules if path not in named and not rooms & set(path.parents)]
    assert not sorted(str(path.relative_to(ROOT)) for path in homeless)


DOCUMENTS = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_in_a_document_exists_with_its_options(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    told = re.findall(r"(?:^ {4}|`|/)greenroom ([^`\n]+)", text, re.MULTILINE)
    wrong = [line for line in told if not is_command(line.split("#")[0].split())]
    assert not wrong


def is_command(words: list[str]) -> bool:
    command: click.Command = greenroom
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if words == ["--help"]:
        return True
    known = {option for parameter in command.params for option in parameter.opts}
    return not isinstance(command, click.Group) and {word for word in words if word.startswith("--")} <= known


def catalogue() -> set[str]:
    keys: set[str] = set()
    for file in sorted((ROOT / "service/catalogues/en").glob("*.po")):
        with file.open("rb") as source:
            for message in read_po(source):
                if message.id:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    assert key not in keys, f"{key} stands twice"
                    keys.add(key)
    return keys


def said() -> tuple[set[str], set[str]]:
    """Keys that code and templates write out, and the beginnings of keys that they put together (`reason.{code}`)."""
    whole: set[str] = set()
    begun: set[str] = set()
    for room in CODE:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix == ".py":
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                        begun.add(str(node.values[0].value))
                    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                        whole.add(node.value)
            elif path.is_file() and {"templates", "mail_templates"} & set(path.parts):
                text = path.read_text(encoding="utf-8")
                whole |= set(re.findall(r"""["']([a-z][\w.-]+)["']""", text))
                begun |= set(re.findall(r"""["']([a-z][\w.-]*\.)["']\s*~""", text))
    begun |= {f"{start}." for start in whole if KEY.fullmatch(start)}  # kept in a variable, ended where it is said
    return whole, {start for start in begun if re.fullmatch(r"[a-z][a-z0-9_-]*\.([a-z0-9_.-]*)", start)}


def test_every_word_of_the_catalogue_is_said() -> None:
    whole, begun = said()
    unused = sorted(
        key for key in catalogue() if key not in whole and not any(key.startswith(start) for start in begun)
    )
    assert not unused


def test_every_word_that_is_said_is_in_the_catalogue() -> None:
    keys = catalogue()
    areas = {key.split(".")[0] for key in keys}
    whole, _ = said()
    unknown = sorted(
        key for key in whole if KEY.fullmatch(key) and key.split(".")[0] in areas and key not in keys
        and not any(known.startswith(f"{key}.") for known in keys)
    )  # fmt: skip
    assert not unknown


def test_decisions_are_numbered_one_after_another() -> None:
    numbers = sorted(path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_nothing_of_a_machine_is_in_the_tree() -> None:
    """No path of whoever wrote it, no package index: both would be wrong everywhere else."""
    words = [f"{Path.home()}/", "/root" + "/", "/Users" + "/", "pythonhosted" + ".org", "--index" + "-url"]
    if len(ROOT.parts) > 2:
        words.append(str(ROOT))
    found = []
    for path in tracked():
        content = path.read_bytes()
        found += [f"{path.relative_to(ROOT)}: {word}" for word in words if word.encode() in content]
    assert not found


def test_the_ladder_names_what_each_step_asks_for() -> None:
    picture = (ROOT / "docs" / "ladder.svg").read_text()
    for needed in (google_consent.NEEDED, microsoft_consent.NEEDED):
        for step in ("busy", "write"):
            for scope in needed[step]:
                assert f">{scope.rpartition('/')[2]}</text>" in picture
