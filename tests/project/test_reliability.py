"""The fault table names tests, and every one of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
HEADINGS = ("| fault |", "| --- |")


def rows() -> list[str]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not line.startswith(HEADINGS)]


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_row_of_the_fault_table_names_its_test() -> None:
    assert [row for row in rows() if not NAMED.search(row.rsplit("|", 2)[1])] == []


def named() -> set[tuple[str, str]]:
    return set(NAMED.findall(TABLE.read_text(encoding="utf-8")))


def test_every_test_that_the_fault_table_names_is_there() -> None:
    missing = [
        f"{file}::{test}"
        for file, test in sorted(named())
        if not (ROOT / file).is_file() or test not in functions_of(ROOT / file)
    ]
    assert missing == []
