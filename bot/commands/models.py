"""`quipu models list`, `download`, `import` and `check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table

from bot import checkpoint as checkpoints
from bot.errors import ConfigError, QuipuError
from bot.settings import Settings
from bot.values import Finding


class Caller(Protocol):
    """The call of the program that a command belongs to."""

    def prepare(self, *, quiet: bool = False) -> Settings: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    name: str
    where: str
    kind: str = ""
    size: str = ""
    context: str = ""
    revision: str = ""
    state: str = "complete"


def build() -> typer.Typer:
    """The commands and their options."""
    app = typer.Typer(help="Fetch, import and check models.", no_args_is_help=False)
    app.callback(invoke_without_command=True)(_help_alone)
    app.command("list")(list_models)
    app.command()(download)
    app.command("import")(import_model)
    app.command()(check)
    return app


def list_models(context: typer.Context) -> None:
    """Show the configured models and those in the Hugging Face cache."""
    caller: Caller = context.obj
    settings = caller.prepare(quiet=True)
    rows = [*_configured(settings), *_in_cache()]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(_cells(row)))
        return
    table = Table("model", "where", "kind", "size", "context", "revision", "state", box=None)
    for row in rows:
        table.add_row(*_cells(row))
    Console().print(table)


def download(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Such as meta-llama/Llama-2-7b-chat-hf.")],
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit; otherwise the newest.")
    ] = None,
    dest: Annotated[
        Path | None, typer.Option(help="A folder for it; otherwise the Hugging Face cache.")
    ] = None,
) -> None:
    """Fetch a model from Hugging Face; what was interrupted goes on where it stopped."""
    caller: Caller = context.obj
    caller.prepare(quiet=True)
    from bot.checkpoints import hub
    from bot.commands.progress import shown

    plan = hub.plan(name, revision)
    with shown(f"downloading {name}") as progress:
        folder = hub.download(plan, progress, destination=dest.expanduser() if dest else None)
    typer.echo(f"{name} is complete in {folder} ({plan.size / 1e9:.2f} GB)")
    typer.echo("To stay with exactly this one, write in config.toml:\n\n[model]")
    typer.echo(f"name = {json.dumps(str(dest.expanduser().absolute()) if dest else name)}")
    typer.echo(f"# revision {plan.commit}" if dest else f'revision = "{plan.commit}"')


def import_model(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="Meta's download: consolidated.*.pth, params.json")
    ],
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="The new folder.")],
) -> None:
    """Convert Meta's own download of Llama 2 or Code Llama into a model that Quipu loads."""
    caller: Caller = context.obj
    caller.prepare(quiet=True)
    from bot.commands.progress import shown
    from bot.generation.meta.importing import import_meta

    with shown("reading") as progress:
        folder = import_meta(source.expanduser(), destination, progress.report)
    typer.echo(f"{folder} holds the model; write in config.toml:\n\n[model]")
    typer.echo(f"name = {json.dumps(str(folder))}")
    title = source.absolute().name.lower()
    if "chat" not in title and "instruct" not in title:
        typer.echo(
            "quipu: its name has neither chat nor instruct in it; a base model goes on with a "
            "text instead of answering",
            err=True,
        )


def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A folder, a Hugging Face name or demo.")],
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit.")] = None,
) -> int:
    """See whether a model is complete and sound, without loading its weights."""
    caller: Caller = context.obj
    settings = caller.prepare(quiet=True)
    from bot.checkpoints.check import examine, first_prompt
    from bot.commands.findings import show

    try:
        found = checkpoints.find(name, revision=revision, weights=False)
        findings = list(examine(found))
    except QuipuError as error:
        findings = [Finding("error", str(error))]
    show(findings, sys.stdout)
    failed = any(finding.severity == "error" for finding in findings)
    if not failed:
        typer.echo("\nThe first prompt of a conversation, as the model sees it:")
        typer.echo(first_prompt(found, settings.persona.text).text)
    return int(failed)


def _help_alone(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _configured(settings: Settings) -> Iterator[Row]:
    for model in settings.every_model:
        if not model.is_local:
            yield Row(model.served or "", "configured", "openai", state=", ".join(model.urls))
        else:
            yield _row_of(model.name, model.revision)


def _row_of(name: str, revision: str | None) -> Row:
    from bot.checkpoints import cache
    from bot.checkpoints.files import lacking

    path: Path | None = Path(name).expanduser()
    try:
        if name != checkpoints.DEMO and path is not None and not path.is_dir():
            path = cache.usable(name, revision, weights=False)
            if path is None:
                state = f"not here; quipu models download {name}"
                return Row(name, "configured", revision=(revision or "")[:12], state=state)
            found = checkpoints.read(path, name)
        else:
            found = checkpoints.find(name)
    except ConfigError as error:
        return Row(name, "configured", state=str(error))
    missing = lacking(found.path, weights=True)
    return _row(found, "configured", (revision or "")[:12], missing)


def _in_cache() -> Iterator[Row]:
    from bot.checkpoints import cache

    for model in cache.models():
        refs = f" ({', '.join(model.refs)})" if model.refs else ""
        try:
            found = checkpoints.read(model.path, model.name)
        except ConfigError as error:
            yield Row(model.name, "cache", state=str(error))
        else:
            yield _row(found, "cache", f"{model.commit[:12]}{refs}", list(model.missing))


def _row(found: checkpoints.Checkpoint, where: str, revision: str, missing: list[str]) -> Row:
    config: dict[str, Any] = json.loads((found.path / "config.json").read_text(encoding="utf-8"))
    size = sum(file.stat().st_size for file in found.path.glob("*.safetensors"))
    return Row(
        name=found.name,
        where=where,
        kind=str(config.get("model_type", "")),
        size=f"{size / 1e9:.2f} GB",
        context=f"{found.context:,}",
        revision=revision,
        state=f"lacks {', '.join(missing[:2])}" if missing else "complete",
    )


def _cells(row: Row) -> list[str]:
    return [row.name, row.where, row.kind, row.size, row.context, row.revision, row.state]
