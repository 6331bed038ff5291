"""`quipu support`: a file for a bug report, which its reader can look through before sending it."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.request import ProxyHandler, build_opener

import typer

from bot import support
from bot.errors import ConfigError
from bot.settings import Settings
from bot.support import Blur
from bot.values import Finding

METRICS_SECONDS = 3.0
LONGEST_METRICS = 10_000_000
README = """What this holds: versions, what the doctor found, the settings without secrets and
names, counts of what is kept, and the metrics of the running Quipu if it answered. Ids are
replaced by marks (#1a2b3c4d) that mean nothing outside of this file. No message, no persona, no
name of a person or a channel, no token is in it. It is text: look before you send it.
"""


class Caller(Protocol):
    """The call of the program that the command belongs to."""

    config: Path | None

    @property
    def mask(self) -> Callable[[str], str]: ...

    def prepare(self, *, quiet: bool = False) -> Settings: ...


def bundle(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The zip file to write.")] = Path(
        "quipu-support.zip"
    ),
) -> None:
    """Write a zip file for a bug report: no secrets, no messages, no names."""
    from bot.examination import examine, inventory, mistakes

    caller: Caller = context.obj
    settings: Settings | None = None
    try:
        settings = caller.prepare(quiet=True)
        found: list[Finding] = examine(settings, caller.config)
    except ConfigError as error:
        found = mistakes(error)
    blur = Blur(caller.mask, Path.home())
    kept = asyncio.run(inventory(settings)) if settings else {}
    texts = dict(_texts(settings, found, kept, blur))
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    typer.echo(f"{file}: {', '.join(texts)}")


def _texts(
    settings: Settings | None, found: list[Finding], kept: dict[str, Any], blur: Blur
) -> Iterator[tuple[str, str]]:
    yield "README.txt", README
    yield "about.json", _json(support.about())
    yield "doctor.txt", support.findings(found, blur)
    if settings is None:
        return
    yield "configuration.json", _json(support.configuration(settings, blur))
    yield "database.json", blur(_json(kept))
    if (metrics := _metrics(settings)) is not None:
        yield "metrics.txt", blur(metrics)


def _metrics(settings: Settings) -> str | None:
    """What the running program says of itself; None if it does not listen."""
    if settings.serves is None:
        return None
    host, port = settings.serves.host, settings.serves.port
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  not to listen
    ask = build_opener(ProxyHandler({}))
    try:
        with ask.open(f"http://{local}:{port}/metrics", timeout=METRICS_SECONDS) as answer:
            return str(answer.read(LONGEST_METRICS).decode("utf-8", "replace"))
    except (OSError, HTTPException, ValueError) as error:
        return f"not told: {error}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
