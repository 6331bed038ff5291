"""How to connect to the configured platforms, and the HTTP server that some of them need.

A part of the composition root: every platform is imported inside the function that builds it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from bot.control.limits import Doorkeeper
from bot.control.locales import Locales
from bot.control.room import ControlRoom
from bot.controls import bounds
from bot.conversation.absences import Absences
from bot.conversation.conversations import Conversations
from bot.errors import ConfigError
from bot.extras import to_install
from bot.operation.facts import UNOBSERVED, Observer
from bot.ports import Store
from bot.service import Connect, Connection
from bot.settings import Settings, SlackSettings
from bot.settings.units import plain

if TYPE_CHECKING:
    from adapters.slack.web import OAuth
    from adapters.web.server import Health, WebServer


class House(Protocol):
    """What the platforms are given of the core."""

    @property
    def store(self) -> Store: ...

    @property
    def conversations(self) -> Conversations: ...

    @property
    def absences(self) -> Absences: ...

    @property
    def control(self) -> ControlRoom: ...

    @property
    def gate(self) -> Doorkeeper: ...

    @property
    def locales(self) -> Locales: ...


def web_server(settings: Settings, health: Health) -> WebServer | None:
    """The HTTP server, if one is configured or needed; it does not listen yet."""
    if settings.serves is None:
        return None
    try:
        from adapters.web.server import WebServer
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"[http] is configured, but aiohttp is not installed: {to_install('slack')}"
        ) from error
    http = settings.serves
    return WebServer(http.host, http.port, health=health, names=settings.names)


def platforms(
    settings: Settings,
    house: House,
    web: WebServer | None = None,
    observer: Observer = UNOBSERVED,
) -> dict[str, Connect]:
    """How to connect to every configured platform, by its name; `web` is for those that call us."""
    makers: dict[str, Callable[[], Connection]] = {
        "discord": partial(_discord, settings, house, observer),
        "slack": partial(_slack, settings, house, web, observer),
    }
    return {name: makers[name] for name in settings.connects}


def _discord(settings: Settings, house: House, observer: Observer) -> Connection:
    try:
        from adapters.discord.messenger import DiscordMessenger
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Discord is configured, but discord.py is not installed: {to_install('discord')}"
        ) from error
    assert settings.discord is not None
    return DiscordMessenger(
        settings.discord.require_token(),
        inbox=house.conversations,
        control=house.control,
        behaviours=house.gate,
        locales=house.locales,
        absences=house.absences,
        admin_roles=settings.discord.admin_roles,
        listed_roles=bounds(settings).access_on("discord").roles,
        api_url=settings.discord.api_url,
        gateway_url=settings.discord.gateway_url,
        message_content=settings.discord.message_content,
        observer=observer,
    )


def _slack(
    settings: Settings, house: House, web: WebServer | None, observer: Observer
) -> Connection:
    try:
        from adapters.slack.messenger import SlackMessenger
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Slack is configured, but slack-bolt is not installed: {to_install('slack')}"
        ) from error
    slack = settings.slack
    assert slack is not None
    slack.require_all()
    return SlackMessenger(
        inbox=house.conversations,
        control=house.control,
        behaviours=house.gate,
        absences=house.absences,
        bot_token=plain(slack.bot_token),
        app_token=plain(slack.app_token),
        signing_secret=plain(slack.signing_secret),
        mode=slack.mode,
        oauth=_oauth(settings, slack, house.store),
        api_url=slack.api_url,
        admins=slack.admins,
        reply_in=slack.reply_in,
        reply_in_except=slack.reply_in_except,
        follow_threads=slack.follow_threads,
        follow_threads_except=slack.follow_threads_except,
        native_streams=slack.native_streams,
        history_per_minute=slack.history_per_minute,
        mount=None if web is None else web.mount,
        observer=observer,
    )


def _oauth(settings: Settings, slack: SlackSettings, store: Store) -> OAuth | None:
    if slack.client_id is None:
        return None
    from adapters.slack.installing import Admitted
    from adapters.slack.web import OAuth
    from storage import SqlStore, slack_installations

    assert isinstance(store, SqlStore)
    kept = slack_installations(
        store, slack.client_id, folder=settings.data.folder, keys=plain(slack.token_key)
    )
    return OAuth(
        slack.client_id,
        plain(slack.client_secret) or "",
        kept.installations,
        kept.states,
        slack.public_url or "",
        Admitted(frozenset(slack.workspaces)),
    )
