"""`quipu export feedback`, `quipu forget person`, `quipu forget place` and `quipu stats`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from bot.commands.training import Format, lines
from bot.errors import ConfigError
from bot.settings import Settings
from bot.values import Place

PLATFORMS = ("discord", "slack", "terminal")


class Caller(Protocol):
    """The call of the program that a command belongs to."""

    def prepare(self, *, quiet: bool = False) -> Settings: ...


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program's."""
    export = typer.Typer(help="Export what was learned.", no_args_is_help=False)
    export.callback(invoke_without_command=True)(_help_alone)
    export.command("feedback")(export_feedback)
    app.add_typer(export, name="export")
    forget = typer.Typer(help="Delete people or places.", no_args_is_help=False)
    forget.callback(invoke_without_command=True)(_help_alone)
    forget.command("person")(forget_person)
    forget.command("place")(forget_place)
    app.add_typer(forget, name="forget")
    app.command()(stats)


def export_feedback(
    context: typer.Context,
    shape: Annotated[
        Format, typer.Option("--format", help="What the lines are to train.")
    ] = Format.SFT,
    output: Annotated[Path | None, typer.Option(help="A file; otherwise standard output.")] = None,
) -> None:
    """Write feedback as JSON lines that TRL reads, without that of people who opted out."""
    caller: Caller = context.obj
    count = asyncio.run(_export(caller.prepare(quiet=True), shape, output))
    typer.echo(f"quipu: {count} lines", err=True)


def forget_person(
    context: typer.Context,
    platform: Annotated[str, typer.Argument(help="discord or slack.")],
    person: Annotated[str, typer.Argument(metavar="ID", help="The person's id there.")],
    name: Annotated[
        list[str] | None, typer.Option(help="What the person is called; may be given repeatedly.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a person's words and names from every table."""
    caller: Caller = context.obj
    if platform not in PLATFORMS:
        raise ConfigError(f"there is no platform {platform!r}; there are {', '.join(PLATFORMS)}")
    settings = caller.prepare(quiet=True)
    kept = asyncio.run(_stored(settings, platform, person))
    typer.echo(f"kept about {platform}:{person}: {_counts(kept)}", err=True)
    _make_sure(yes=yes)
    asyncio.run(_forget_person(settings, platform, person, name or []))
    typer.echo("forgotten")


def forget_place(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="PLACE", help="Such as discord:SERVER/CHANNEL.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what was said in a channel and its threads; settings and personas stay."""
    caller: Caller = context.obj
    try:
        where = Place.parse(place)
    except ValueError as error:
        raise ConfigError(f"{place!r} is no place; write discord:SERVER/CHANNEL") from error
    settings = caller.prepare(quiet=True)
    _make_sure(yes=yes)
    typer.echo(f"{asyncio.run(_forget_place(settings, where))} messages deleted")


def stats(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How many days back.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show what was used, by day, and what is kept."""
    caller: Caller = context.obj
    totals = asyncio.run(_totals(caller.prepare(quiet=True), days))
    if as_json:
        typer.echo(json.dumps(totals))
    else:
        _show(totals)


async def _export(settings: Settings, shape: Format, output: Path | None) -> int:
    from bot import app

    async with app.records(settings) as store:
        if output is None:
            return await _written(lines(store, shape), sys.stdout.buffer)
        try:
            with output.open("wb") as file:
                return await _written(lines(store, shape), file)
        except OSError as error:
            raise ConfigError(f"{output} cannot be written: {error.strerror}") from error


async def _written(texts: AsyncIterator[str], stream: Any) -> int:
    count = 0
    async for text in texts:
        stream.write(f"{text}\n".encode())
        count += 1
    return count


async def _stored(settings: Settings, platform: str, person: str) -> dict[str, Any]:
    from bot import app

    async with app.records(settings) as store:
        presets = settings.presets.texts.values()
        return asdict(await store.stored(platform, person, presets=presets))


async def _forget_person(settings: Settings, platform: str, person: str, names: list[str]) -> None:
    from bot import app

    async with app.records(settings) as store:
        presets = settings.presets.texts.values()
        await store.forget_person(platform, person, names=names, presets=presets)


async def _forget_place(settings: Settings, place: Place) -> int:
    from bot import app

    async with app.records(settings) as store:
        return await store.forget_place(place)


async def _totals(settings: Settings, days: int) -> dict[str, Any]:
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    from bot import app

    async with app.records(settings) as store:
        return await store.totals(since)


def _make_sure(*, yes: bool) -> None:
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigError("this cannot be undone; add --yes")
    try:
        sure = typer.confirm("This cannot be undone. Go on?", err=True)
    except typer.Abort:
        sure = False
    if not sure:
        raise typer.Exit(1)


def _counts(kept: Mapping[str, Any]) -> str:
    names = ("messages", "answers", "votes", "personas", "places")
    return ", ".join(f"{kept[name]} {name}" for name in names)


def _show(totals: Mapping[str, Any]) -> None:
    columns = ("day", "replies", "prompt_tokens", "tokens", "people", "places")
    typer.echo("\t".join(columns))
    for day in totals["days"]:
        typer.echo("\t".join(str(day[column]) for column in columns))
    states = ", ".join(f"{count} {state}" for state, count in sorted(totals["replies"].items()))
    typer.echo(f"replies: {states or 'none'}")
    for name in ("turns", "places", "prompts"):
        typer.echo(f"{name}: {totals[name]}")


def _help_alone(context: typer.Context) -> None:
    """Show the help where no command follows."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
