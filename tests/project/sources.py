"""The project's own files, as the tests of this folder read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "adapters", "storage")


@dataclass(frozen=True)
class Import:
    """One imported module; `late` means inside a function or for the type checker alone."""

    file: str
    line: int
    module: str
    late: bool

    def is_of(self, *packages: str) -> bool:
        return any(self.module == name or self.module.startswith(f"{name}.") for name in packages)

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def python_files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def imports(*folders: str) -> list[Import]:
    """Every import of every file in these rooms."""
    return [found for file in python_files(*folders) for found in imports_of(file)]


def imports_of(file: Path) -> Iterator[Import]:
    name = file.relative_to(ROOT).as_posix()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node, late in _walk(tree, late=False):
        for module in _modules(node, name):
            yield Import(name, getattr(node, "lineno", 0), module, late)


def _walk(node: ast.AST, *, late: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        inside = late or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
        inside = inside or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        yield child, inside
        yield from _walk(child, late=inside)


def _modules(node: ast.AST, file: str) -> Iterator[str]:
    """What a node imports; `from bot import app` is `bot.app`, as far as a file says so."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{file} imports relatively"
        base = node.module or ""
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            path = ROOT / inner.replace(".", "/")
            yield inner if path.with_suffix(".py").is_file() or path.is_dir() else base
