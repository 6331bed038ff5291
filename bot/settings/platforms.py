"""The sections of the platforms and of the HTTP server, frozen, with every default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bot.errors import ConfigError
from bot.settings.units import (
    Between,
    FilePath,
    HostNames,
    Names,
    Says,
    Section,
    Whole,
    reads,
)

Address = Annotated[
    str | None, Field(pattern=r"^https?://\S+$"), Says("an http:// or https:// address")
]

CHANNELS = Says('a list of channel ids such as "C0123456789"')
ROLES = Says('a list of role ids such as "123456789012345678"')
PEOPLE = Says('a list of user ids such as "U0123456789"')
WORKSPACES = Says('a list of workspace or organisation ids such as "T0123456789"')
HOSTS = Says('a list of names without port, such as "quipu.example.org"')
TOKEN_KEY = Says("32 bytes in base64, or several of that with commas between")
BOT_TOKEN = Says(
    "the Bot User OAuth Token, which begins with xoxb- "
    "(https://api.slack.com/apps -> your app -> OAuth & Permissions)"
)
APP_TOKEN = Says(
    "an app-level token, which begins with xapp- "
    "(https://api.slack.com/apps -> your app -> Basic Information -> App-Level Tokens)"
)


class DiscordSettings(Section):
    """Being in Discord. The section's presence, or a token in the environment, asks for it."""

    enabled: bool = True
    token: Annotated[SecretStr | None, reads(r"\S+"), Says("one word")] = None
    token_file: FilePath | None = None
    message_content: bool = False
    admin_roles: Annotated[Names, ROLES] = ()
    api_url: Address = None
    gateway_url: Annotated[
        str | None, Field(pattern=r"^wss?://\S+$"), Says("a ws:// or wss:// address")
    ] = None

    def require_token(self) -> str:
        """The token. Raises ConfigError when there is none."""
        if self.token is None:
            raise ConfigError(
                "Discord is configured, but there is no token: set DISCORD_TOKEN in the "
                "environment, or token_file in section [discord]"
            )
        return self.token.get_secret_value()


class SlackSettings(Section):
    """Being in Slack. The section's presence, or a bot token in the environment, asks for it.

    A bot token means one workspace; a client id and secret mean every workspace that installs
    the app, by OAuth.
    """

    enabled: bool = True
    mode: Literal["socket", "http"] = "socket"
    bot_token: Annotated[SecretStr | None, reads(r"xoxb-\S+"), BOT_TOKEN] = None
    bot_token_file: FilePath | None = None
    app_token: Annotated[SecretStr | None, reads(r"xapp-\S+"), APP_TOKEN] = None
    app_token_file: FilePath | None = None
    signing_secret: Annotated[SecretStr | None, reads(r"\S+"), Says("one word")] = None
    signing_secret_file: FilePath | None = None
    client_id: Annotated[
        str | None, Field(pattern=r"^\S+$"), Says('text such as "1234567890.1234567890"')
    ] = None
    client_secret: Annotated[SecretStr | None, reads(r"\S+"), Says("one word")] = None
    client_secret_file: FilePath | None = None
    token_key: Annotated[SecretStr | None, reads(r"[\w+/=,\s-]+"), TOKEN_KEY] = None
    token_key_file: FilePath | None = None
    public_url: Address = None
    workspaces: Annotated[Names, WORKSPACES] = ()
    api_url: Address = None
    admins: Annotated[Names, PEOPLE] = ()
    reply_in: Literal["thread", "channel"] = "thread"
    reply_in_except: Annotated[Names, CHANNELS] = ()
    follow_threads: bool = True
    follow_threads_except: Annotated[Names, CHANNELS] = ()
    native_streams: bool = True
    history_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 50

    @property
    def installs(self) -> bool:
        """Whether workspaces install the app by OAuth, any number of them."""
        return self.client_id is not None

    @property
    def needs_http(self) -> bool:
        """Whether Slack, or the browser of somebody who installs, has to reach us."""
        return self.mode == "http" or self.installs

    def replies_in_thread(self, channel: str) -> bool:
        """Whether an answer opens a thread in this channel; else the channel is the Place."""
        return (self.reply_in == "thread") != (channel in self.reply_in_except)

    def follows_threads(self, channel: str) -> bool:
        """Whether further words in the bot's threads need no mention in this channel."""
        return self.follow_threads != (channel in self.follow_threads_except)

    def missing(self) -> list[str]:
        """What is needed to connect and not there, one line for each thing."""
        return list(self._missing())

    def require_all(self) -> None:
        """Raises ConfigError with everything that is missing."""
        if lines := self.missing():
            raise ConfigError("\n".join(lines))

    def _missing(self) -> Iterator[str]:
        if self.mode == "socket" and self.app_token is None:
            yield _lacks("app-level token", "app_token")
        if self.mode == "http" and self.signing_secret is None:
            yield _lacks("signing secret", "signing_secret")
        if not self.installs and self.bot_token is None:
            yield _lacks("bot token", "bot_token")
        if self.installs:
            yield from self._missing_to_install()

    def _missing_to_install(self) -> Iterator[str]:
        if self.bot_token is not None:
            yield (
                "[slack] has a bot token, for one workspace, and client_id, for many: "
                "take one of them away"
            )
        if self.client_secret is None:
            yield _lacks("client secret", "client_secret")
        if self.public_url is None:
            yield "[slack] has client_id, but no public_url that leads browsers to [http] port"


class HttpSettings(Section):
    """The HTTP server for health and for platforms that call us. Its presence asks for it."""

    host: Annotated[
        str, Field(pattern=r"^[\w.:%-]+$"), Says('an address to listen at, such as "127.0.0.1"')
    ] = "127.0.0.1"
    port: Annotated[Whole, Between(0, 65_535)] = 8321
    hosts: Annotated[HostNames, HOSTS] = ()


def _lacks(name: str, key: str) -> str:
    return (
        f"Slack is configured, but there is no {name}: set SLACK_{key.upper()} in the "
        f"environment, or {key}_file in section [slack]"
    )
