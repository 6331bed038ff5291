"""The report of a drill: a table for people, JSON and a page for the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
clock, in a commit, while a platform holds one of its requests. After every 25 kills it is left
alone until all is answered, and every message is compared with what people see, and both with the
journal. *Lost*: no answer and no explanation. *Doubled*: a message of the bot that belongs to no
reply or to several. *Stuck*: a reply without an end, or a mark of an unfinished answer. *Wrong*:
what is shown is not what is stored, the mark was stored or fed back, or the database is not whole.
*Faults*: requests that a platform's own description does not allow, and lives that did not end in
peace when asked to.

A process dies; the operating system lives on. What a power cut takes is another matter, for which
the database's `synchronous=FULL` stands.

So that many kills fit into an hour, some things are quicker or larger here than in life: Slack
sends an event again at once, after 1 and after 4 seconds (else at once, after a minute and after
five), and its limits are 20 times as high; the program reads what it missed up to 200 times in a
minute (`history_per_minute`, else 50) and answers up to 1,000 missed messages
(`catch_up_messages`); Discord minds a nonce for 3 seconds (else some minutes). Everything else of
the program is as it ships."""


EXPLAINED_BY = "How the replies ended whose message says, below what there is of an answer, why."


@dataclass(frozen=True)
class Figures:
    """What one drill, or several side by side, have shown; made of what JSON can hold."""

    totals: dict[str, Any]
    moments: dict[str, int]
    reasons: dict[str, int]
    kills: list[dict[str, Any]]
    troubles: list[str]
    faults: list[str]

    @property
    def clean(self) -> bool:
        """Whether everything is as it must be."""
        return not self.troubles and not self.faults


def figures(result: Result) -> Figures:
    """One drill's."""
    account, code = result.account, result.exit_code
    totals = {
        "seed": str(result.seed),
        "kills": len(result.kills),
        "messages": result.said,
        "answered": account.outcomes[ANSWERED],
        "explained": account.outcomes[EXPLAINED],
        "lost": account.count(LOST),
        "doubled": account.count(DOUBLED),
        "stuck": account.count(STUCK),
        "wrong": account.count(WRONG),
        "faults": len(result.violations) + (code != 0),
        "minutes": round(result.seconds / 60, 1),
    }
    ended = [f"a life that was asked to end ended with {code}"] if code != 0 else []
    kills = [asdict(kill) for kill in result.kills]
    faults = [*result.violations, *ended]
    return Figures(totals, result.by_moment, dict(account.reasons), kills, result.stories, faults)


def together(several: Sequence[Figures]) -> Figures:
    """Those of drills that ran side by side, each a town of its own."""
    rows = [one.totals for one in several]
    totals = {name: sum(row[name] for row in rows) for name in rows[0] if name != "seed"}
    totals["minutes"] = max(row["minutes"] for row in rows)
    moments = sum((Counter(one.moments) for one in several), Counter[str]())
    reasons = sum((Counter(one.reasons) for one in several), Counter[str]())
    kills = [{"seed": one.totals["seed"], **kill} for one in several for kill in one.kills]
    return Figures(
        {"seed": ", ".join(row["seed"] for row in rows), **totals},
        dict(moments),
        dict(reasons),
        kills,
        [story for one in several for story in one.troubles],
        [fault for one in several for fault in one.faults],
    )


def tell(shown: Figures) -> None:
    """Print everything, and the stories of what went wrong."""
    show("crash drill", [shown.totals])
    show("the moments", _counted("killed", shown.moments))
    show("why no answer", _counted("reason", shown.reasons))
    for line in [*shown.faults[:20], *shown.troubles]:
        print(line)  # noqa: T201 - the report is what the drill is run for


def save(shown: Figures) -> None:
    """Write the results' page."""
    about = circumstances("torch", "transformers", "discord.py", "slack-bolt")
    sections = [
        Section("Account", "", [shown.totals]),
        Section("Moments", "What the kills hit.", _counted("killed", shown.moments)),
        Section("Why there was no answer", EXPLAINED_BY, _counted("reason", shown.reasons)),
    ]
    save_sections(STEM, TITLE, TEXT, sections, about, {"circumstances": about, **asdict(shown)})


def _counted(what: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The most frequent first."""
    found = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [{what: name, "times": times} for name, times in found]
