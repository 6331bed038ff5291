"""`python -m tests.fuzz --cases N --seed S [--only TARGET] [--save]`, or `--again TARGET 1,2,3`."""

from __future__ import annotations

import argparse
import random
import sys

from tests.fuzz.draws import Draws
from tests.fuzz.engine import Trial, try_out
from tests.fuzz.report import save
from tests.fuzz.targets import Target, every


def main() -> int:
    options = read()
    targets = {target.name: target for target in every()}
    if options.again:
        name, choices = options.again
        targets[name].work(Draws([int(number) for number in choices.split(",") if number]))
        return 0
    wanted = [one for one in targets.values() if options.only in {"", one.name}]
    shares = sum(one.share for one in wanted)
    trials = {
        one.name: tried(one, options.cases * one.share // shares, options.seed) for one in wanted
    }
    found = [trial for trial in trials.values() if trial.finding]
    print(f"{sum(trial.cases for trial in trials.values()):,} cases, {len(found)} findings")
    if options.save and not found:
        save(trials, list(wanted), seed=options.seed)
    return 1 if found else 0


def tried(target: Target, cases: int, seed: int) -> Trial:
    """Try one target, and say what came of it."""
    trial = try_out(target.work, cases, random.Random(f"{seed}/{target.name}"))
    print(
        f"{target.name:22} {trial.cases:>9,} cases {trial.seconds:8.1f} s"
        f" {len(trial.ways):>6} ways {len(trial.kept):>5} kept",
        flush=True,
    )
    if trial.finding:
        print(f"  broken: {target.promise}\n  {trial.finding.words}")
        print(f"  --again {target.name} {','.join(map(str, trial.finding.choices)) or ','}")
    return trial


def read() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_200_000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--only", default="", help="one target by its name")
    parser.add_argument("--again", nargs=2, metavar=("TARGET", "CHOICES"), help="one case")
    parser.add_argument("--save", action="store_true", help="keep the figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
