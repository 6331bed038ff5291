"""The benchmark of the generation worker, in one run.

    python -m benchmarks.generation [--shapes 15m,110m,1b] [--prototype FILE]
        [--parts together,staggered,turns,precision] [--vllm-python PATH]
        [--quick] [--json [FILE]] [--save]

Every contender runs in a process of its own, and they take turns, round by round. Random weights;
the checkpoints are made once, below `--folder`. On a GPU add `--shapes 7b,13b`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks import report
from benchmarks.generation.page import Page
from benchmarks.generation.parts.precision import PRECISIONS
from benchmarks.generation.plan import Plan
from benchmarks.generation.run import PARTS, TITLES, Choice, Run
from benchmarks.generation.shapes import SHAPES


def main() -> None:
    report.quiet()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that contenders are ended, too
    options = _options()
    run = Run(
        _choice(options), Plan(rounds=1 if options.quick else options.rounds, quick=options.quick)
    )

    def save(page: Page) -> None:
        if options.save:
            page.save(report.RESULTS)

    page = run.measure(save)
    if options.json != "-":
        page.show()
    if options.json == "-":
        json.dump(page.data(), sys.stdout, indent=1)
    elif options.json:
        Path(options.json).write_text(json.dumps(page.data(), indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", help="of 15m, 110m, 1b, and on a GPU 7b, 13b")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--precision", help="of fp32, bf16, fp16, int8, nf4")
    parser.add_argument("--only", help="contenders; the seed's way is always there")
    parser.add_argument("--prototype", type=Path, help="the file of an engine to compare with")
    parser.add_argument("--vllm-python", type=Path, help="an interpreter that has vLLM")
    parser.add_argument("--folder", type=Path, help="where checkpoints are made")
    parser.add_argument("--device", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="15m, one round: does it work?")
    parser.add_argument("--json", nargs="?", const="-", help="to a file; alone: no tables")
    parser.add_argument("--save", action="store_true", help="tables and pictures into results")
    return parser.parse_args()


def _choice(options: argparse.Namespace) -> Choice:
    import torch
    from platformdirs import user_cache_path

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    shapes = "15m" if options.quick else "15m,110m,1b" if device == "cpu" else "1b,7b,13b"
    precisions = "fp32,bf16" if options.quick else "fp32,bf16,int8,nf4"
    return Choice(
        shapes=_named(options.shapes or shapes, SHAPES),
        parts=_named(options.parts, PARTS),
        precisions=_named(options.precision or precisions, PRECISIONS),
        only=_named(options.only, TITLES) if options.only else None,
        prototype=options.prototype,
        vllm=options.vllm_python,
        folder=options.folder or user_cache_path("quipu") / "benchmarks",
        device=device,
        threads=options.threads,
    )


def _named(words: str, known: Iterable[str]) -> list[str]:
    names = words.split(",")
    if strange := [name for name in names if name not in known]:
        sys.exit(f"{strange[0]!r} is none of {', '.join(known)}")
    return names


if __name__ == "__main__":
    main()
