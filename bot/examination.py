"""The whole of `quipu doctor`: every check in turn, those of storage and platforms included."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import doctor
from bot.errors import ConfigError, QuipuError, StorageError
from bot.extras import to_install
from bot.settings import DiscordSettings, Settings, SlackSettings
from bot.settings.units import plain
from bot.values import Finding

if TYPE_CHECKING:
    from bot.engines.engine import Source

HOW_TO_CONNECT = (
    "no platform is configured; to connect to Discord, set DISCORD_TOKEN in the environment, "
    "to Slack, SLACK_BOT_TOKEN and SLACK_APP_TOKEN (config.example.toml says where to get them)"
)
CONFIG_TOKEN = "SLACK_CONFIG_TOKEN"  # noqa: S105  the name of a variable
"""For the doctor alone: lets it see the app's events. It lasts twelve hours, so no setting."""

BUSY = 3.0
"""Seconds for which the doctor waits for a locked database."""
GLANCE = 5.0
"""Seconds for which the doctor looks at the pages of the database's file."""


def mistakes(error: ConfigError) -> list[Finding]:
    """What a configuration that cannot be read has to say."""
    return [Finding("error", line, "mend the configuration") for line in str(error).splitlines()]


def examine(settings: Settings, asked: Path | None) -> list[Finding]:
    """Everything that `quipu run` needs; `asked` is the file that --config names."""
    return [
        doctor.configuration(settings, asked),
        *doctor.data_folder(settings),
        *asyncio.run(_database(settings)),
        *_models(settings, running=_is_running(settings)),
        *asyncio.run(_platforms(settings)),
    ]


def _is_running(settings: Settings) -> bool:
    """Whether a Quipu holds the database's file, and with it a model."""
    import storage
    from storage import address

    try:
        file = address.file(address.read(settings.database_url))
    except StorageError:
        return False
    return file is not None and storage.is_held(file)


def _models(settings: Settings, *, running: bool) -> list[Finding]:
    """Every model by itself; only the default one can keep `quipu run` from starting."""
    from bot.engines.sources import alone, sharing

    found: list[Finding] = []
    for number, model in enumerate(settings.every_model):
        only = alone(settings, model.title)
        shared = {"memory": sharing(settings, model).memory}  # with the others, who are there later
        only = only.model_copy(update={"model": only.model.model_copy(update=shared)})
        about = _model(only, model.is_local, running=running)
        found += about if number == 0 else [_of_another(str(model.title), each) for each in about]
    return found


def _model(settings: Settings, is_local: bool, *, running: bool) -> list[Finding]:
    if is_local:
        return doctor.model(settings, running=running)
    from bot.engines.sources import sources

    (source,) = sources(settings)
    try:
        return asyncio.run(_endpoint(source))
    except QuipuError as error:
        return [Finding("error", f"model {source.title}: {error}", "see section [model]")]


async def _endpoint(source: Source) -> list[Finding]:
    from bot.endpoint.generator import EndpointGenerator

    generator = (await asyncio.to_thread(source.load)).generator
    assert isinstance(generator, EndpointGenerator)
    try:
        return [_not_now(each) for each in await generator.check()]
    finally:
        await generator.close()


def _not_now(finding: Finding) -> Finding:
    """A server that is away may come back: nothing stops because of it."""
    return replace(finding, severity="warning") if finding.severity == "error" else finding


def _of_another(title: str, finding: Finding) -> Finding:
    return replace(_not_now(finding), text=f"{title}: {finding.text}")


async def _database(settings: Settings) -> list[Finding]:
    import storage

    url = settings.database_url
    try:
        head, revision = storage.head_revision(), await storage.current_revision(url)
        if revision is None:
            return [Finding("ok", "the database is empty; quipu run fills it")]
        storage.refuse_unknown(revision)
        found = await _asked(url, writes=revision == head)
    except StorageError as error:
        mend = error.mend or "check [database] url, the file's owner and the disk"
        return [Finding("error", str(error), mend)]
    if revision != head:
        return [Finding("ok", f"the database is at {revision}; quipu run brings it to {head}")]
    return [Finding("ok", f"the database answers and is at revision {revision}"), *found]


async def _asked(url: str, *, writes: bool) -> list[Finding]:
    """Read, write what changes nothing, and look at the file for a moment."""
    import storage
    from storage import address, inspection

    store = await storage.open_store(url, busy=BUSY)
    try:
        await store.check()
        if writes:
            await store.try_to_write()
    finally:
        await store.close()
    file = address.file(address.read(url))
    if file is None:
        return []
    found = [await asyncio.to_thread(inspection.glance, file, GLANCE), inspection.room(file)]
    if storage.is_held(file):
        found.append(Finding("ok", "a Quipu is running on it; a second one would be refused"))
    return found


async def inventory(settings: Settings) -> dict[str, Any]:
    """The database's revision and how much is kept in it; nothing of what that is."""
    import storage
    from storage.records import SqlRecords

    url = settings.database_url
    told: dict[str, Any] = {"kind": url.partition(":")[0], "newest": storage.head_revision()}
    try:
        told["revision"] = await storage.current_revision(url)
        if told["revision"] == told["newest"]:
            store = await storage.open_store(url)
            try:
                told |= await SqlRecords(store.database).totals(datetime.now(UTC).date())
            finally:
                await store.close()
    except QuipuError as error:
        told["failure"] = str(error)
    return told


async def _platforms(settings: Settings) -> list[Finding]:
    if not settings.connects:
        return [Finding("warning", "no platform is configured", HOW_TO_CONNECT)]
    found: list[Finding] = []
    if settings.discord is not None and settings.discord.enabled:
        found += await _discord(settings.discord)
    if settings.slack is not None and settings.slack.enabled:
        found += await _slack(settings.slack)
    return found


async def _discord(discord: DiscordSettings) -> list[Finding]:
    try:
        from adapters.discord.doctor import examine as look

        token = discord.require_token()
        wanted = discord.message_content
        return await look(token, api_url=discord.api_url, message_content=wanted)
    except ImportError:
        mend = f"install it: {to_install('discord')}"
        return [Finding("error", "discord.py is not installed", mend)]
    except QuipuError as error:
        return [Finding("error", str(error), "mend section [discord]")]


async def _slack(slack: SlackSettings) -> list[Finding]:
    missing = [Finding("error", line, "mend section [slack]") for line in slack.missing()]
    try:
        from adapters.slack.doctor import Credentials
        from adapters.slack.doctor import examine as look
    except ImportError:
        mend = f"install it: {to_install('slack')}"
        return [*missing, Finding("error", "the Slack SDK is not installed", mend)]
    credentials = Credentials(
        mode=slack.mode,
        bot_token=plain(slack.bot_token),
        app_token=plain(slack.app_token),
        signing_secret=plain(slack.signing_secret),
        client_id=slack.client_id,
        client_secret=plain(slack.client_secret),
        public_url=slack.public_url,
        config_token=os.environ.get(CONFIG_TOKEN) or None,
    )
    return missing + await look(credentials, api_url=slack.api_url)
