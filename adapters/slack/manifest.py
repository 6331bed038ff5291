"""What Quipu needs of its Slack app, as lists and as the manifest to create the app from.

Imports no SDK, so that the manifest can be printed before anything of Slack is installed.
"""

from __future__ import annotations

from typing import Any

from bot.control.commands import COMMANDS
from bot.control.words import say

COMMAND = "/quipu"
MENU = "quipu:"
"""The callback ids of shortcuts begin so; then comes the command with dots."""
SETTINGS = ("settings",)

EVENTS_PATH = "/slack/events"
"""Where Slack's requests arrive: events, commands, buttons and modals."""
INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"

SCOPES = {
    "app_mentions:read": "Quipu does not hear mentions",
    "assistant:write": "Quipu cannot suggest prompts",
    "channels:history": "Quipu does not hear what follows in threads of public channels",
    "channels:read": "Quipu does not know what public channels are called",
    "chat:write": "Quipu cannot answer",
    "commands": f"there is no {COMMAND}",
    "files:read": "Quipu cannot read text files that people attach",
    "files:write": "Quipu cannot send exports",
    "groups:history": "Quipu does not hear what follows in threads of private channels",
    "groups:read": "Quipu does not know what private channels are called",
    "im:history": "Quipu does not hear direct messages",
    "im:write": "Quipu cannot send exports",
    "mpim:history": "Quipu does not hear group messages",
    "usergroups:read": "Quipu does not know who is in a user group that is allowed or denied",
    "users:read": "Quipu knows neither names nor who manages the workspace",
}
"""The bot token's scopes, and what is the matter without each."""

EVENTS = {
    "agent_session_stopped": "the Stop button does nothing",
    "app_home_opened": "Quipu cannot suggest prompts",
    "app_mention": "Quipu does not hear mentions where it is not a member",
    "app_uninstalled": "Quipu keeps the tokens of workspaces that removed it",
    "message.channels": "Quipu does not hear public channels",
    "message.groups": "Quipu does not hear private channels",
    "message.im": "Quipu does not hear direct messages",
    "message.mpim": "Quipu does not hear group messages",
    "tokens_revoked": "Quipu keeps tokens that were revoked",
}
"""The bot events the app is subscribed to, and what is the matter without each."""

DESCRIPTION = "Chat with a language model that runs on your own machine."


def manifest(
    *, name: str = "Quipu", http: str | None = None, install: str | None = None
) -> dict[str, Any]:
    """The app's manifest.

    With `http`, a public address, Slack sends events there, else over Socket Mode; with `install`,
    a public address, workspaces install the app there by OAuth.
    """
    return {
        "_metadata": {"major_version": 2},
        "display_information": {"name": name, "description": DESCRIPTION},
        "features": _features(name, http),
        "oauth_config": _oauth(install or http),
        "settings": _settings(http, shared=install is not None),
    }


def _features(name: str, http: str | None) -> dict[str, Any]:
    command = {
        "command": COMMAND,
        "description": "Steers the conversation and the settings of this channel",
        "usage_hint": " | ".join(command.name for command in COMMANDS),
        # People and channels come with their ids.
        "should_escape": True,
    }
    return {
        "app_home": {
            "home_tab_enabled": False,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": name, "always_online": True},
        "agent_view": {"agent_description": DESCRIPTION},
        "shortcuts": _shortcuts(),
        "slash_commands": [command | _at(http, "url")],
    }


def _shortcuts() -> list[dict[str, str]]:
    """The menu of a message, and what can be begun from everywhere."""
    menus = [(command.key, "message") for command in COMMANDS if command.menu]
    return [
        {
            "name": say(f"slack.menu.{key}"),
            "type": kind,
            "callback_id": f"{MENU}{key}",
            "description": say(f"command.{key}"),
        }
        for key, kind in [*menus, (".".join(SETTINGS), "global")]
    ]


def _oauth(public_url: str | None) -> dict[str, Any]:
    redirects = {"redirect_urls": [_address(public_url, REDIRECT_PATH)]} if public_url else {}
    return {**redirects, "scopes": {"bot": list(SCOPES)}}


def _settings(http: str | None, *, shared: bool) -> dict[str, Any]:
    return {
        "event_subscriptions": _at(http, "request_url") | {"bot_events": list(EVENTS)},
        "interactivity": {"is_enabled": True} | _at(http, "request_url"),
        "org_deploy_enabled": shared,
        "socket_mode_enabled": http is None,
        "token_rotation_enabled": False,
    }


def _at(http: str | None, key: str) -> dict[str, str]:
    return {key: _address(http, EVENTS_PATH)} if http else {}


def _address(public_url: str, path: str) -> str:
    return public_url.rstrip("/") + path
