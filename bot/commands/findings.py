"""Findings of the doctor on the screen: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.values import Finding

STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


def show(findings: Sequence[Finding], stream: TextIO, *, closing: str = "") -> None:
    """Print every finding and how to mend it, then `closing` or else what the doctor sums up."""
    if stream.isatty():
        _table(findings, Console(file=stream))
    else:
        for finding in findings:
            stream.write(f"{finding.severity}: {finding.text}\n")
            if finding.mend:
                stream.write(f"  to mend: {finding.mend}\n")
    stream.write(f"{closing or summary(findings)}\n")


def summary(findings: Sequence[Finding]) -> str:
    """One line: whether `quipu run` would work."""
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    if errors:
        return f"quipu run would stop: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}"
    return f"quipu run should work: {_counted(warnings, 'warning')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _table(findings: Sequence[Finding], console: Console) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        style = STYLES[finding.severity]
        text = Text(finding.text)
        if finding.mend:
            text.append(f"\n→ {finding.mend}", style="dim")
        table.add_row(Text(finding.severity, style=style), text)
    console.print(table)
