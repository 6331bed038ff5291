"""The outcome of a run: tables for people, JSON for machines, pictures of the curves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report

TITLE = "How fast the model speaks"
WHY = (
    "Why goals were missed on a CPU: "
    "[decision 19](../../docs/decisions/0019-what-was-not-reached-on-a-cpu.md)."
)


@dataclass(slots=True)
class Page:
    """Tables by part, in order, with what must be known to read them."""

    about: dict[str, Any]
    hardware: str
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    gaps: Mapping[str, Sequence[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, part: str, title: str, text: str, rows: list[dict[str, Any]]) -> None:
        """One more table, or more rows of one that is there."""
        if rows:
            self.tables.setdefault(part, []).extend(rows)
            self.titles[part], self.texts[part] = title, text

    def put(self, part: str, title: str, text: str, rows: list[dict[str, Any]]) -> None:
        """A table that takes the place of an earlier one, at the end."""
        self.tables.pop(part, None)
        self.add(part, title, text, rows)

    def show(self) -> None:
        """Print it."""
        for part, rows in self.tables.items():
            report.show(self.titles[part], rows)
        for note in self.notes:
            print(note)

    def data(self) -> dict[str, Any]:
        """For machines."""
        return {
            "circumstances": self.about,
            "notes": self.notes,
            "tables": self.tables,
            "gaps": {way: list(values) for way, values in self.gaps.items()},
        }

    def save(self, folder: Path) -> None:
        """Write generation-HARDWARE.json, .md and the pictures."""
        from benchmarks.generation.pictures import draw

        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / f"generation-{slug(self.hardware)}"
        pictures = draw(self.tables, self.gaps, stem)
        sections = [
            report.Section(self.titles[part], self.texts[part], rows)
            for part, rows in self.tables.items()
        ]
        text = "\n".join(
            [
                "Random weights, greedy; every way in a process of its own, all in one run.",
                *(f"\n{note}" for note in self._notes()),
                *(f"\n![{picture.stem}]({picture.name})" for picture in pictures),
            ]
        )
        report.save_sections(
            stem, f"{TITLE}: {self.hardware}", text, sections, self.about, self.data()
        )

    def _notes(self) -> Iterator[str]:
        yield from self.notes
        if any(row["verdict"] == "MISSED" for row in self.tables.get("goals", ())):
            yield WHY


def slug(words: str) -> str:
    """A name for a file."""
    plain = re.sub(r"\((r|tm|c)\)|\bcpu\b|@.*", " ", words, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
