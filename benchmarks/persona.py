"""How long a persona holds: the demonstration model over 60 turns, by where the persona is stated.

    python -m benchmarks.persona [--turns 60] [--conversations 16] [--json FILE] [--save]

The questions are the held-out ones of the demonstration model, the answers its own, greedy; its
context of 2,048 tokens is filled after about 20 turns and trimmed as the product trims it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks import report
from bot.demo import CHECKPOINT
from bot.demo.training.cases import DECLINE, HELD_OUT, HeldOut
from bot.demo.training.encoding import BOS, EOS, question
from bot.demo.training.personas import load_manners
from bot.demo.training.words import phrasing
from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import load
from bot.prompt.builder import STEP
from bot.prompt.tokenizer import SentencePieceTokenizer
from bot.values import Place, Prompt, Sampling

RESERVE = 512
GREEDY = Sampling(max_new_tokens=200, temperature=0.0)
EVERY = 8
AFTER = 10
WINDOWS = ((1, 10), (11, 20), (21, 40), (41, 60))
FLAGS = re.IGNORECASE | re.DOTALL
ABOUT = """\
Share of the answers that keep the persona's manner, by turn of the conversation, and of those that
say the right thing whatever the manner. *From the start*: the persona holds from the first turn.
*After {after} turns*: the product's default persona holds before, so that the older answers in the
window speak another way. Stated *nowhere* shows how often a plain answer passes for one in manner.
The demonstration model saw personas at the head of a conversation only, so what it makes of a
persona further down is not what a Llama 2 would.

![Share of answers in the persona's manner, by turn](persona.svg)"""


@dataclass(frozen=True, slots=True)
class Statement:
    """Where the persona is stated: given an exchange's number, the first kept one and the last."""

    name: str
    stands: Callable[[int, int, int], bool]


STATEMENTS = (
    Statement("nowhere", lambda at, first, last: False),  # noqa: ARG005
    Statement("first exchange only", lambda at, first, last: at == 0),  # noqa: ARG005
    Statement("head of what is kept", lambda at, first, last: at == first),  # noqa: ARG005
    Statement("head and last exchange", lambda at, first, last: at in (first, last)),
    Statement(f"head and every {EVERY}th", lambda at, first, last: at == first or at % EVERY == 0),  # noqa: ARG005
)


@dataclass(frozen=True, slots=True)
class Line:
    """A question, and the rule that an answer to it must match."""

    said: str
    right: str


@dataclass(slots=True)
class Conversation:
    """One conversation as it goes on. `first` is the first exchange that is kept."""

    manner: str
    persona: str
    lines: Sequence[Line]
    switched: int
    answers: list[str] = field(default_factory=list)
    first: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """How an answer did."""

    turn: int
    in_manner: bool
    right: bool


class Stage:
    """Conversations with the demonstration model through the product's own generator."""

    def __init__(self, conversations: int) -> None:
        self._tokenizer = SentencePieceTokenizer(CHECKPOINT / "tokenizer.model")
        loaded = load(CHECKPOINT, device="cpu", dtype="float32")
        self.generator = LocalGenerator(
            loaded, self._tokenizer, max_batch=16, queue=max(64, conversations)
        )
        self._budget = self.generator.context - min(RESERVE, self.generator.context // 4)
        self._default: str = phrasing("persona_texts")["default"]

    async def hold(
        self, talk: Conversation, statement: Statement, judge: Callable[[str], bool]
    ) -> list[Mark]:
        """The whole conversation; judged from where its persona holds."""
        marks = []
        for turn, line in enumerate(talk.lines):
            answer = await self._answer(talk, statement)
            talk.answers.append(answer)
            right = bool(re.search(line.right, answer, FLAGS))
            marks.append(Mark(turn + 1, judge(answer), right))
        return marks[talk.switched :]

    async def _answer(self, talk: Conversation, statement: Statement) -> str:
        ids = self._ids(talk, statement)
        place = Place("benchmark", "1", str(id(talk)))
        answer = self.generator.generate(Prompt(tuple(ids), "", None, 1, 0), GREEDY, place)
        return "".join([delta async for delta in answer]).strip()

    def _ids(self, talk: Conversation, statement: Statement) -> list[int]:
        """The prompt; what outgrows the budget is dropped in steps, as the product does."""
        ids = self._laid_out(talk, statement)
        if len(ids) > self._budget:
            while len(ids) > self._budget * STEP and talk.first < len(talk.answers):
                talk.first += 1
                ids = self._laid_out(talk, statement)
        return ids

    def _laid_out(self, talk: Conversation, statement: Statement) -> list[int]:
        last, ids = len(talk.answers), list[int]()
        persona = talk.persona if last >= talk.switched else self._default
        for at in range(talk.first, last + 1):
            stands = statement.stands(at, talk.first, last)
            asked = question(persona if stands else None, talk.lines[at].said)
            if at < last:
                ids += [BOS, *self._tokenizer.encode(f"{asked} {talk.answers[at]} "), EOS]
            else:
                ids += [BOS, *self._tokenizer.encode(asked)]
        return ids


def conversations(count: int, turns: int, switched: int) -> list[Conversation]:
    """Personas of all manners in turn; every conversation in an order of its own."""
    held_out, raw = HeldOut(), _raw()
    pool = [Line(q, raw[name]["right"]) for name in held_out.intents for q in held_out.asked(name)]
    pool += [Line(q, DECLINE) for q in held_out.asked("outside")]
    manners = [manner.name for manner in load_manners()]
    talks = []
    for number in range(count):
        manner = manners[number % len(manners)]
        texts = raw[f"persona_{manner}"]["ask"]
        text = texts[number // len(manners) % len(texts)]
        lines = random.Random(number).sample(pool, turns)
        talks.append(Conversation(manner, text, lines, switched))
    return talks


async def measure(count: int, turns: int) -> list[dict[str, Any]]:
    """Rows of the table; `by turn` is the curve."""
    stage, raw, rows = Stage(count), _raw(), []
    for switched in (0, AFTER):
        for statement in STATEMENTS:
            talks = conversations(count, turns, switched)
            judges = [_judge(raw[f"persona_{talk.manner}"]["right"]) for talk in talks]
            held = await asyncio.gather(
                *(stage.hold(t, statement, j) for t, j in zip(talks, judges, strict=True))
            )
            rows.append(_row(switched, statement.name, held, turns))
            report.progress(", ".join(str(v) for k, v in rows[-1].items() if k != "by turn"))
    await stage.generator.close()
    return rows


def _judge(rule: str) -> Callable[[str], bool]:
    return lambda answer: bool(re.search(rule, answer, FLAGS))


def _row(switched: int, name: str, held: list[list[Mark]], turns: int) -> dict[str, Any]:
    marks = [mark for talk in held for mark in talk]
    row: dict[str, Any] = {
        "persona": f"after {switched} turns" if switched else "from the start",
        "stated in": name,
        "all turns": _share([mark.in_manner for mark in marks]),
    }
    for least, most in WINDOWS:
        window = [mark.in_manner for mark in marks if least <= mark.turn <= most]
        row[f"turns {least}-{most}"] = _share(window)
    row["right content"] = _share([mark.right for mark in marks])
    row["answers"] = len(marks)
    by_turn = [[m.in_manner for m in marks if m.turn == turn] for turn in range(1, turns + 1)]
    return row | {"by turn": [round(mean(m), 3) if m else None for m in by_turn]}


def _share(marks: Sequence[bool]) -> str:
    return f"{mean(marks):.1%}" if marks else "-"


def _raw() -> dict[str, Any]:
    import tomllib

    return tomllib.loads(HELD_OUT.read_text("utf-8"))


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """The curve: the share by turn, a running mean of five turns."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    kinds = list(dict.fromkeys(row["persona"] for row in rows))
    axes = figure.subplots(1, len(kinds), squeeze=False, sharey=True)[0]
    for ax, kind in zip(axes, kinds, strict=True):
        for row in (row for row in rows if row["persona"] == kind):
            known = [(n, v) for n, v in enumerate(row["by turn"], 1) if v is not None]
            turns = [n for n, _ in known]
            values = [
                100 * mean(v for _, v in known[max(0, i - 2) : i + 3]) for i in range(len(known))
            ]
            ax.plot(turns, values, label=row["stated in"], linewidth=1.5)
        ax.set_title(f"persona {kind}", fontsize=10)
        ax.set_xlabel("turn")
        ax.set_ylim(-3, 103)
        ax.grid(alpha=0.25)
    axes[0].set_ylabel("% of answers in manner")
    axes[0].legend(fontsize=7, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--conversations", type=int, default=16)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--save", action="store_true", help="into benchmarks/results")
    options = parser.parse_args()
    report.quiet()
    rows = asyncio.run(measure(options.conversations, options.turns))
    table = [{key: value for key, value in row.items() if key != "by turn"} for row in rows]
    title = "How long a persona holds"
    report.show(title, table)
    about = report.circumstances("torch", "transformers")
    data = {"circumstances": about, "rows": rows}
    if options.json:
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    if options.save:
        section = report.Section("Adherence", "", table)
        words = ABOUT.format(after=AFTER)
        report.save_sections(report.RESULTS / "persona", title, words, [section], about, data)
        draw(rows, report.RESULTS / "persona.svg")


if __name__ == "__main__":
    main()
