"""The real program with a model that fails when told to, by files in the folder $QUIPU_FAULTS.

It says on standard error when it does.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("QUIPU_FAULTS", "."))


def asked_to(fault: str) -> bool:
    found = (FOLDER / fault).exists()
    if found:
        sys.stderr.write(f"fault: {fault}\n")
        sys.stderr.flush()
    return found


def disturb() -> None:
    import torch
    from transformers import LlamaForCausalLM

    forward, begin = LlamaForCausalLM.forward, LlamaForCausalLM.__init__

    @functools.wraps(forward)
    def disturbed(*given: Any, **named: Any) -> Any:
        if asked_to("hang"):
            threading.Event().wait()
        if asked_to("die"):
            (FOLDER / "die").unlink()
            raise SystemExit(1)
        if asked_to("break"):
            torch.ones = broken
            broken()
        return forward(*given, **named)

    def broken(*given: Any, **named: Any) -> Any:
        raise RuntimeError("CUDA error: device-side assert triggered")

    @functools.wraps(begin)
    def slow(*given: Any, **named: Any) -> None:
        if asked_to("slow"):
            threading.Event().wait()
        begin(*given, **named)

    patched: Any = LlamaForCausalLM
    patched.forward, patched.__init__ = disturbed, slow


if __name__ == "__main__":
    from bot.cli import main

    disturb()
    main()
