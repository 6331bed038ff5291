"""A table for people and JSON for machines, with the date and the hardware they hold for."""

from __future__ import annotations

import json
import logging
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
WIDTH = 200
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a page with several, and what must be known to read it."""

    title: str
    text: str
    rows: Sequence[Row]


def circumstances(*packages: str) -> dict[str, Any]:
    """When, where and with which versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def quiet() -> None:
    """Only warnings; the table is what people look for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.basicConfig(level=logging.ERROR)


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console()
    # Without a terminal rich assumes 80 columns, which wrap every cell.
    (console if console.is_terminal else Console(width=WIDTH)).print(table)


def save(name: str, title: str, text: str, rows: Sequence[Row], about: Mapping[str, Any]) -> None:
    """Write results/NAME.json and results/NAME.md."""
    RESULTS.mkdir(exist_ok=True)
    data = {"circumstances": dict(about), "rows": [dict(row) for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    page = f"# {title}\n\n{text}\n\n{_table(rows)}\n\n{_measured(about)}\n"
    (RESULTS / f"{name}.md").write_text(page, encoding="utf-8")


def save_sections(
    stem: Path,
    title: str,
    text: str,
    sections: Sequence[Section],
    about: Mapping[str, Any],
    data: Mapping[str, Any],
) -> None:
    """Write STEM.json with the data, and STEM.md with every section."""
    stem.with_name(f"{stem.name}.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    parts = [f"# {title}", text, *(_section(section) for section in sections), _measured(about)]
    stem.with_name(f"{stem.name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def progress(words: str) -> None:
    """How far a long run has come, beside the tables."""
    print(words, file=sys.stderr, flush=True)


def _section(section: Section) -> str:
    return "\n\n".join(filter(None, [f"## {section.title}", section.text, _table(section.rows)]))


def _table(rows: Sequence[Row]) -> str:
    head = "| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0])
    body = "\n".join("| " + " | ".join(str(v) for v in row.values()) + " |" for row in rows)
    return f"{head}\n{body}"


def _measured(about: Mapping[str, Any]) -> str:
    return "Measured: " + ", ".join(f"{key} {value}" for key, value in about.items()) + "."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
