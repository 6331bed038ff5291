"""The end of a process that hangs: it comes, and says by its code how."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEGIN = """
import asyncio, os, signal, threading
from bot.stopping import Stopping, leave

async def hang(stopping):
    stopping.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    await stopping.asked.wait()
    {then}
"""
FOR_EVER = "await asyncio.Event().wait()"


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("then", [FOR_EVER, "threading.Event().wait()"], ids=["task", "loop"])
def test_whatever_hangs_the_process_is_gone_soon_after_the_deadline(then: str) -> None:
    asked = "asyncio.run(hang(Stopping(0.1, grace=0.1)))"
    done = run(BEGIN.format(then=then) + asked)
    assert done.returncode == 130
    assert "stop_overdue" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["generation", "loading"])
def test_a_thread_that_hangs_does_not_hold_up_the_end_nor_change_its_code(name: str) -> None:
    hanging = f"threading.Thread(target=threading.Event().wait, daemon=True, name={name!r}).start()"
    done = run(f"{BEGIN.format(then='pass')}\n{hanging}\nprint('said', end='')\nleave(75)")
    assert (done.returncode, done.stdout) == (75, "said")


def test_what_is_begun_at_the_start_is_given_up_when_asked_to_stop() -> None:
    start = """
async def main():
    stopping = Stopping(5.0)
    stopping.listen()
    try:
        async with stopping.starting():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
    except TimeoutError:
        print("given up", stopping.asked.is_set())
asyncio.run(main())
leave(0)
"""
    done = run(BEGIN.format(then="pass") + start)
    assert (done.returncode, done.stdout) == (0, "given up True\n")
