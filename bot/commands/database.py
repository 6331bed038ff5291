"""`quipu db upgrade`, `backup`, `restore` and `check`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Protocol

import typer

from bot.commands.findings import show
from bot.commands.progress import shown
from bot.errors import ConfigError
from bot.settings import Settings
from bot.values import Finding

FOR_POSTGRESQL = "the database is PostgreSQL, which has its own tools for that: use {tool}"


class Caller(Protocol):
    """The call of the program that a command belongs to."""

    def prepare(self, *, quiet: bool = False) -> Settings: ...


def build() -> typer.Typer:
    """The group `db`."""
    app = typer.Typer(help="Look after the database.", no_args_is_help=False)
    app.callback(invoke_without_command=True)(_help_alone)
    for command in (upgrade, backup, restore, check):
        app.command()(command)
    return app


def upgrade(context: typer.Context) -> None:
    """Bring the database to the newest version; `quipu run` does this by itself."""
    settings = _prepared(context)
    revision = asyncio.run(_upgrade(settings.database_url))
    typer.echo(f"the database is at revision {revision}")


def backup(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A new file, or a folder; by default beside the database.")
    ] = None,
) -> None:
    """Make a backup, also while Quipu runs. It is checked, and readable for you alone."""
    from storage import backups

    database = _file(_prepared(context), "pg_dump")
    target = backups.named(database, datetime.now(UTC))
    if file is not None:
        target = file / target.name if file.is_dir() else file
    if target.exists():
        raise ConfigError(f"{target} is there already; name another file")
    with shown("backup") as told:
        backups.back_up(database, target, lambda done, of: told.report("backup", done, of))
    typer.echo(str(target))


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup, as `quipu db backup` makes it.")],
) -> None:
    """Put a backup in the place of the database, whose file is kept. Quipu must be stopped."""
    from storage.restoring import restore as put_back

    settings = _prepared(context)
    database = _file(settings, "pg_restore")
    with shown("restore") as told:
        kept = put_back(
            settings.database_url, file, lambda done, of: told.report("restore", done, of)
        )
    typer.echo(f"{database} is now what {file} holds")
    if kept is not None:
        typer.echo(f"what it was before is kept as {kept}")


def check(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A backup; by default the database in use.")
    ] = None,
) -> int:
    """Look at every page and reference of the database. Exit code 1 if something is wrong."""
    from storage import inspection

    settings = _prepared(context)
    found = inspection.inspect(file or _file(settings, "pg_amcheck"))
    show(found, sys.stdout, closing=_verdict(found))
    return int(any(finding.severity == "error" for finding in found))


def _verdict(found: list[Finding]) -> str:
    wrong = any(finding.severity == "error" for finding in found)
    return "this needs mending" if wrong else "nothing is wrong with it"


def _file(settings: Settings, tool: str) -> Path:
    from storage import address

    file = address.file(address.read(settings.database_url))
    if file is None:
        raise ConfigError(FOR_POSTGRESQL.format(tool=tool))
    return file


async def _upgrade(url: str) -> str | None:
    import storage

    await storage.upgrade(url)
    return await storage.current_revision(url)


def _prepared(context: typer.Context) -> Settings:
    caller: Caller = context.obj
    return caller.prepare(quiet=True)


def _help_alone(context: typer.Context) -> None:
    """Show the help where no command follows."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
