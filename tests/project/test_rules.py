"""Small rules that a person forgets and a machine does not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.project.sources import ROOMS, ROOT, python_files

LONGEST_FILE = 350
MADE_ELSEWHERE = re.compile(r"https?://|file:|\s@\s|^-")


def test_every_file_fits_into_a_head() -> None:
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in python_files(*ROOMS, "tests")
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_every_module_says_what_it_holds() -> None:
    silent = [
        file.relative_to(ROOT).as_posix()
        for file in python_files(*ROOMS)
        if not file.read_text(encoding="utf-8").startswith(('"""', "#!"))
    ]
    assert silent == []


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(each for extra in extras for each in extra)]


def constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned() -> None:
    pinned = {normal(line.partition("==")[0]) for line in constraints()}
    wanted = {normal(re.split(r"[\[<>=!~; ]", each)[0]) for each in requirements()}
    assert wanted - pinned == set()


def test_pins_are_exact_and_leave_the_place_they_come_from_open() -> None:
    wrong = [line for line in constraints() if MADE_ELSEWHERE.search(line) or "+" in line]
    assert wrong == []
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+", line) for line in constraints())


def test_the_makefile_holds_no_absolute_path() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("/dev/null", "")
    assert re.findall(r"(?:^|[\s\"'=])/\w+", text) == []
    assert "$(CURDIR)" not in text


def find_python(python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci" / "find-python"],
        env=os.environ | {"PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_set_up_takes_the_python_that_it_is_told() -> None:
    done = find_python(sys.executable)
    assert (done.returncode, done.stdout.strip()) == (0, sys.executable)


@pytest.mark.parametrize("version", ["2.7", "3.10"])
def test_set_up_refuses_an_old_python_in_one_line(tmp_path: Path, version: str) -> None:
    old = tmp_path / f"python{version}"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    done = find_python(str(old))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"quipu: {old} is not a Python 3.11 or newer"]


def test_set_up_says_how_to_complete_a_python_without_venv(tmp_path: Path) -> None:
    partial = tmp_path / "python"
    partial.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n', encoding="utf-8")
    partial.chmod(0o755)
    done = find_python(str(partial))
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
