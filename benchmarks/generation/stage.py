"""A contender's own process: loads come in and traces go out as lines of JSON.

    python -m benchmarks.generation.stage CONTENDER < loads

Nothing but the standard library is imported here, so that any interpreter can be the stage.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, Any

from benchmarks.generation.contenders.setting import Contender, Setting
from benchmarks.generation.loads import Load


def main() -> None:
    """Load the model, then serve until the input ends."""
    reports = _own_output()
    name, setting = sys.argv[1], Setting(**json.loads(sys.stdin.readline()))
    module = importlib.import_module(f"benchmarks.generation.contenders.{name}")
    started = time.perf_counter()
    contender: Contender = module.open_contender(setting)
    seconds = time.perf_counter() - started
    _say(reports, {"seconds": seconds, "bytes": contender.bytes(), "peak": peak(setting.device)})
    for line in sys.stdin:
        served = contender.serve(Load.read(json.loads(line)))
        served.peak = peak(setting.device)
        _say(reports, served.write())
    reports.close()
    _leave()


def peak(device: str) -> float:
    """The most memory that was in use so far, in MB."""
    if device == "cuda" and "torch" in sys.modules:
        return float(sys.modules["torch"].cuda.max_memory_reserved()) / 2**20
    # Not from getrusage, where a process begins with the peak of the one that started it.
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _leave() -> None:
    """At once, with all processes and threads that the contender has started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _own_output() -> IO[str]:
    """Standard output for the reports alone; what libraries print goes to standard error."""
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reports


def _say(reports: IO[str], data: dict[str, Any]) -> None:
    reports.write(json.dumps(data) + "\n")
    reports.flush()


if __name__ == "__main__":
    main()
