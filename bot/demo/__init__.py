"""The bundled demonstration model: an ordinary Llama checkpoint, and the scripts that train it."""

from __future__ import annotations

from pathlib import Path

CHECKPOINT = Path(__file__).parent / "checkpoint"
