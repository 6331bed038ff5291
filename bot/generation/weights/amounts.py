"""Amounts as people write them."""

from __future__ import annotations


def in_bytes(number: float) -> str:
    """Bytes for a person, with one decimal: 13.5 GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number:.0f} bytes"
