"""What a bug report may hold: versions, findings, settings and counts; no words, names or secrets.

Ids of people and places become short marks that mean something within one bundle alone.
"""

from __future__ import annotations

import hashlib
import hmac
import platform
import re
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bot import __version__
from bot.settings import Settings
from bot.values import Finding

PACKAGES = (
    "accelerate",
    "aiohttp",
    "aiosqlite",
    "alembic",
    "bitsandbytes",
    "discord.py",
    "huggingface-hub",
    "numpy",
    "openai",
    "peft",
    "pydantic",
    "safetensors",
    "sentencepiece",
    "slack-bolt",
    "slack-sdk",
    "sqlalchemy",
    "tokenizers",
    "torch",
    "transformers",
)
TELLING = frozenset(
    {
        *("device", "dtype", "format", "kind", "level", "mode", "quantisation", "reply_in"),
        *("name", "revision", "title", "token_ids", "when", "host"),
    }
)
"""Settings whose text is shown; of any other text only that there is one."""
IDS = re.compile(r"\b(?:\d{15,20}|(?=[A-Z]*\d)[ABCDEGTUVW][A-Z0-9]{7,})\b")
NAMED = re.compile(r"(signed in to \w+ as |member of \d+ servers?: ).*")
ADDRESS = re.compile(r"(\w+://)[^\s/@]*@|([?&][^=\s&]+=)[^\s&]+")
"""Credentials in an address."""
PRESENT = "(set)"


class Blur:
    """Takes out of a text what nobody else need know. `mask` knows the configured secrets."""

    def __init__(self, mask: Callable[[str], str], home: Path) -> None:
        self._mask = mask
        self._home = str(home)
        self._key = secrets.token_bytes(32)

    def __call__(self, text: str) -> str:
        """The text as it may be shown."""
        text = self._mask(text)
        if len(self._home) > 1:
            text = text.replace(self._home, "~")
        text = ADDRESS.sub(lambda found: f"{found[1] or found[2]}***", text)
        text = NAMED.sub(r"\1***", text)
        return IDS.sub(lambda found: self.mark(found[0]), text)

    def mark(self, value: str) -> str:
        """A mark for an id: the same for the same id, and nobody finds the id by trying all."""
        digest = hmac.new(self._key, value.encode(), hashlib.sha256)
        return f"#{digest.hexdigest()[:8]}"


def about() -> dict[str, Any]:
    """The program, what it runs on, and the packages that it uses."""
    return {
        "quipu": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "machine": platform.machine(),
        "packages": dict(_versions(PACKAGES)),
    }


def configuration(settings: Settings, blur: Blur) -> Any:
    """Every setting: numbers and choices as they are, of everything else whether it is there."""
    return _shown("", settings.model_dump(mode="json"), blur)


def findings(found: Iterable[Finding], blur: Blur) -> str:
    """What the doctor says."""
    lines = []
    for each in found:
        lines.append(f"{each.severity}: {each.text}")
        lines += [f"  to mend: {each.mend}"] if each.mend else []
    return blur("\n".join(lines) + "\n")


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


def _shown(key: str, value: Any, blur: Blur) -> Any:
    if isinstance(value, Mapping):
        if key == "presets":
            return {"presets": len(value)}
        return {name: _shown(name, inner, blur) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        tables = all(isinstance(each, Mapping) for each in value)
        return [_shown(key, each, blur) for each in value] if tables else {"entries": len(value)}
    if isinstance(value, str):
        return blur(value) if key in TELLING else PRESENT
    return value
