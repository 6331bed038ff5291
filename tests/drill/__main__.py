"""`python -m tests.drill --kills N --seed S [--towns T] [--save]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.report import progress, quiet
from tests.drill import report
from tests.drill.drill import Result, drill
from tests.drill.report import Figures, figures

FIGURES = "figures.json"


def main() -> int:
    given = _parser().parse_args()
    quiet()
    with tempfile.TemporaryDirectory(prefix="quipu-drill-") as made:
        folder = given.keep or Path(made)
        towns = _side_by_side if given.towns > 1 else _one
        shown = asyncio.run(towns(given, folder))
    if shown is None:
        return 1
    report.tell(shown)
    return 0 if shown.clean and shown.totals["kills"] == given.kills else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--towns", type=int, default=1, help="drills side by side, each its part")
    parser.add_argument(
        "--save", action="store_true", help="write benchmarks/results/crash-drill at every rest"
    )
    parser.add_argument("--keep", type=Path, help="a folder for databases, logs and figures")
    return parser


async def _one(given: argparse.Namespace, folder: Path) -> Figures:
    def so_far(result: Result) -> None:
        shown = figures(result)
        unfinished = folder / f"{FIGURES}.part"
        unfinished.write_text(json.dumps(asdict(shown)), encoding="utf-8")
        unfinished.replace(folder / FIGURES)  # somebody may be reading
        if given.save:
            report.save(shown)

    return figures(await drill(given.kills, given.seed, folder, progress, so_far))


async def _side_by_side(given: argparse.Namespace, folder: Path) -> Figures | None:
    """Every town in a process of its own: the towns wait for their clocks more than they work."""
    parts = [given.kills // given.towns] * given.towns
    parts[0] += given.kills - sum(parts)

    async def town(number: int, kills: int) -> None:
        mine = folder / f"town-{number}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.drill", f"--kills={kills}", f"--keep={mine}",
            f"--seed={given.seed + number}", stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        code = await process.wait()
        progress(f"town {number} has ended with {code}")

    running = asyncio.gather(*(town(number, kills) for number, kills in enumerate(parts)))
    while not running.done():
        await asyncio.wait([running], timeout=30.0)
        shown = _found(folder)
        if shown is not None and given.save:
            report.save(shown)
    await running
    return _found(folder)


def _found(folder: Path) -> Figures | None:
    """What the towns have shown so far."""
    files = sorted(folder.glob(f"town-*/{FIGURES}"))
    found = [Figures(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return report.together(found) if found else None


if __name__ == "__main__":
    sys.exit(main())
