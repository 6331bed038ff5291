"""What to type where a library is missing."""

from __future__ import annotations

import shlex
import sys


def to_install(extra: str) -> str:
    """The command that installs an extra of Quipu beside it.

    With the interpreter that runs now, in whose environment Quipu is installed: any other pip
    would fetch a stranger's package of this name from the index.
    """
    return f'{shlex.quote(sys.executable)} -m pip install "quipu[{extra}]"'
