"""`python -m tests.drill --kills N --seed S [--save]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.report import progress, quiet
from tests.drill import report
from tests.drill.drill import drill


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/crash-drill")
    parser.add_argument("--keep", type=Path, help="a folder for the database and all logs")
    given = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory(prefix="quipu-drill-") as made:
        folder = given.keep or Path(made)
        result = asyncio.run(drill(given.kills, given.seed, folder, progress))
    report.tell(result)
    if given.save:
        report.save(result)
    return 0 if result.clean else 1


if __name__ == "__main__":
    sys.exit(main())
