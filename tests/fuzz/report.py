"""The figures of a run, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import report
from tests.fuzz.engine import Trial
from tests.fuzz.findings import FINDINGS
from tests.fuzz.targets import Target

TEXT = """
A case is a message, name, persona, file name, command or answer of the model that is made up of
hostile pieces. *Ways* are the steps from line to line of our own code that the cases were seen to
take, *seconds* those of the processor; *kept* are the cases that first went a new one, which half
of the others are variants of.
`python -m tests.fuzz --cases {cases} --seed {seed}` tries the same cases again.
"""


def save(trials: Mapping[str, Trial], targets: Sequence[Target], *, seed: int) -> None:
    """Write results/fuzz.json and fuzz.md."""
    rows = [_row(target, trials[target.name]) for target in targets]
    cases = sum(trial.cases for trial in trials.values())
    seconds = sum(trial.seconds for trial in trials.values())
    total = {
        "target": "all",
        "promise": "",
        "cases": f"{cases:,}",
        "seconds": round(seconds, 1),
        "ways": sum(len(trial.ways) for trial in trials.values()),
        "kept": sum(len(trial.kept) for trial in trials.values()),
    }
    mended = "\n".join(f"- {finding.words} (`{finding.test}`)" for finding in FINDINGS)
    found = f"Findings that have been mended: {len(FINDINGS)}.\n\n{mended}"
    text = TEXT.strip().format(cases=cases, seed=seed)
    about = report.circumstances("hypothesis", "regex", "sentencepiece", "tokenizers")
    about |= {"findings mended": len(FINDINGS), "left": 0}
    report.save("fuzz", "Hostile input", f"{text}\n\n{found}", [*rows, total], about)


def _row(target: Target, trial: Trial) -> dict[str, object]:
    return {
        "target": target.name,
        "promise": target.promise,
        "cases": f"{trial.cases:,}",
        "seconds": round(trial.seconds, 1),
        "ways": len(trial.ways),
        "kept": len(trial.kept),
    }
