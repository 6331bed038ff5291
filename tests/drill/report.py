"""The report of a drill: a table for people, JSON and a page for the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import Section, circumstances, save_sections, show
from tests.drill.account import ANSWERED, DOUBLED, EXPLAINED, LOST, STUCK, WRONG
from tests.drill.drill import Result

STEM = Path(__file__).parents[2] / "benchmarks" / "results" / "crash-drill"
TITLE = "Crash drill"
TEXT = """\
The real program with a small model answers people at ten spots of a loopback Discord and eight of a
loopback Slack, and is killed with SIGKILL again and again: while it makes its database, by the
clock, in a commit, while a platform holds one of its requests. At the end every message is compared
with what people see, and both with the journal. *Lost*: no answer and no explanation. *Doubled*: a
message of the bot that belongs to no reply or to several. *Stuck*: a reply without an end, or a
mark of an unfinished answer. *Wrong*: what is shown is not what is stored, the mark was stored or
fed back, or the database is not whole.

A process dies; the operating system lives on. What a power cut takes is another matter, for which
the database's `synchronous=FULL` stands."""


def totals(result: Result) -> dict[str, Any]:
    """The row that counts."""
    account = result.account
    return {
        "kills": len(result.kills),
        "messages": result.said,
        "answered": account.outcomes[ANSWERED],
        "explained": account.outcomes[EXPLAINED],
        "lost": account.count(LOST),
        "doubled": account.count(DOUBLED),
        "stuck": account.count(STUCK),
        "wrong": account.count(WRONG),
        "minutes": round(result.seconds / 60, 1),
    }


def moments(result: Result) -> list[dict[str, Any]]:
    """How often which moment was hit."""
    found = sorted(result.by_moment.items(), key=lambda each: (-each[1], each[0]))
    return [{"killed": moment, "times": times} for moment, times in found]


def tell(result: Result) -> None:
    """Print everything, and the stories of what went wrong."""
    show(f"crash drill, seed {result.seed}", [totals(result)])
    show("the moments", moments(result))
    for line in [*result.violations[:20], *result.stories]:
        print(line)  # noqa: T201 - the report is what the drill is run for


def data(result: Result) -> Mapping[str, Any]:
    """For machines."""
    return {
        "circumstances": circumstances("torch", "transformers", "discord.py", "slack-bolt"),
        "seed": result.seed,
        "totals": totals(result),
        "moments": result.by_moment,
        "kills": [vars(kill) for kill in result.kills],
        "troubles": result.stories,
    }


def save(result: Result) -> None:
    """Write the results' page."""
    about = circumstances("torch", "transformers", "discord.py", "slack-bolt")
    sections = [
        Section("Account", f"Seed {result.seed}.", [totals(result)]),
        Section("Moments", "What the kills hit.", moments(result)),
    ]
    save_sections(STEM, TITLE, TEXT, sections, about, data(result))
