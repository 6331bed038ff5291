"""The phrasing files: what is asked, said and typed, kept apart from the code as TOML."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

PHRASINGS = Path(__file__).parent / "phrasings"


@cache
def phrasing(name: str) -> dict[str, Any]:
    """The content of one phrasing file; not to be changed, since it is read once."""
    return tomllib.loads((PHRASINGS / f"{name}.toml").read_text("utf-8"))
