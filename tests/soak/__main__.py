"""Many channels talk for long: does memory stay, and file handles, and tasks?

    python -m tests.soak [--channels 200] [--minutes 60] [--save]

The real program as a process of its own, against the loopback Discord and Slack, with a small
model of random weights. Half of the channels are Discord's; in Slack every third question begins a
thread.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks import report
from tests.soak.picture import draw
from tests.soak.run import Outcome, soak
from tests.soak.samples import Sample, judge, table

SAMPLES = 240
ABOUT = """\
The real program as a process, between the loopback Discord and Slack, with a small Llama of random
weights; {channels} channels, half of them Discord's, in each somebody who asks, waits for the whole
answer, pauses and asks again, for {minutes:.0f} minutes. In Slack every third question begins a
thread, which is a conversation of its own. {answered} questions were answered, {failed} replies
failed, {given_up} questions were not answered within four minutes; the database grew by
{database:.1f} KiB for each reply. The first half is warm-up, in which caches fill; after it, what
the slope adds up to must stay below what is allowed. *Without the cache*: what the model keeps of
conversations has a bound of its own, and is left out of the judgement. torch's caches of compiled
kernels are bounded to 64 here instead of 1,024, which they would take hours to reach (and then some
200 MiB).

![The curves](soak.svg)"""


def tell(sample: Sample) -> None:
    report.progress(
        f"{sample.at / 60:5.1f} min  {sample.replies} replies  {sample.resident:.0f} MiB, "
        f"{sample.cache:.0f} of them cache  "
        f"{sample.handles} handles  {sample.tasks} tasks  {sample.threads} threads"
    )


def about(outcome: Outcome, channels: int) -> str:
    first, last = outcome.samples[0], outcome.samples[-1]
    replies = max(1, last.replies - first.replies)
    return ABOUT.format(
        channels=channels,
        minutes=last.at / 60,
        answered=outcome.talk.answered,
        failed=last.failed,
        given_up=outcome.talk.given_up,
        database=(last.database - first.database) * 1024 / replies,
    )


def save(outcome: Outcome, channels: int) -> None:
    rows = table(outcome.samples, judge(outcome.samples))
    circumstances = report.circumstances("torch", "transformers", "discord.py", "slack-bolt")
    text = about(outcome, channels)
    draw(outcome.samples, report.RESULTS / "soak.svg")
    report.save_sections(
        report.RESULTS / "soak",
        f"Soak: {channels} channels",
        text,
        [report.Section("What must be flat", "", rows)],
        circumstances,
        {
            "circumstances": circumstances,
            "talk": asdict(outcome.talk),
            "rows": rows,
            "samples": [asdict(each) for each in outcome.samples],
        },
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=30.0, help="seconds between questions")
    parser.add_argument("--save", action="store_true", help="into benchmarks/results")
    options = parser.parse_args()
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(
            soak(
                Path(folder),
                channels=options.channels,
                seconds=seconds,
                pause=options.pause,
                every=max(2.0, seconds / SAMPLES),
                tell=tell,
            )
        )
    verdicts = judge(outcome.samples)
    report.show("What must be flat", table(outcome.samples, verdicts))
    for line in outcome.complaints[:20]:
        report.progress(line)
    if options.save:
        save(outcome, options.channels)
    return 0 if all(each.flat for each in verdicts) and not outcome.complaints else 1


if __name__ == "__main__":
    sys.exit(main())
