"""Checks the Slack side of a set-up against the live platform, and says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.manifest import COMMAND, EVENTS, SCOPES, manifest
from bot.values import Finding

log = structlog.get_logger(__name__)

APPS = "https://api.slack.com/apps"
SLACK = "https://slack.com/api/"
PATIENCE = 15.0
"""Seconds that one answer may take."""
BROKEN = ("fatal_error", "internal_error", "ratelimited", "service_unavailable")
"""Errors that say nothing about what was asked."""
BAD_BOT_TOKEN = (
    f"Install the app ({APPS} → your app → OAuth & Permissions → Install) and put the Bot User "
    "OAuth Token, xoxb-…, into SLACK_BOT_TOKEN or the file that bot_token_file names"
)
BAD_APP_TOKEN = (
    f"Under {APPS} → your app → Basic Information → App-Level Tokens generate a token with the "
    "scope connections:write, and put it into SLACK_APP_TOKEN or the file of app_token_file"
)
NO_SOCKET_MODE = f'Switch it on under {APPS} → your app → Socket Mode, or set mode = "http"'
BAD_SECRET = f"Copy the Signing Secret under {APPS} → your app → Basic Information → Show"
BAD_CLIENT = f"Copy Client ID and Client Secret under {APPS} → your app → Basic Information"
NO_ANSWER = "Check the network and https://slack-status.com, then try again"
REINSTALL = "then reinstall the app to the workspace, on the same page"
EVENTS_PAGE = f"{APPS} → your app → Event Subscriptions → Subscribe to bot events"

SIGNING_SECRET = re.compile(r"[0-9a-f]{32}")
APP_ID = re.compile(r"xapp-\d+-(A\w+)-")


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What the configuration says about Slack."""

    mode: str = "socket"
    bot_token: str | None = None
    app_token: str | None = None
    signing_secret: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    public_url: str | None = None
    config_token: str | None = None
    """An app configuration token, with which the app's events can be looked at."""


async def examine(credentials: Credentials, *, api_url: str | None = None) -> list[Finding]:
    """Try every credential and look at the app; nothing is changed, no connection is opened."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
        client = AsyncWebClient(base_url=api_url or SLACK, session=session)
        return await _Examination(client, credentials).run()


class _Examination:
    """One visit. Each step returns its findings; a Slack that is away ends all of them."""

    def __init__(self, client: AsyncWebClient, credentials: Credentials) -> None:
        self._client = client
        self._given = credentials
        self._app_id: str | None = None

    async def run(self) -> list[Finding]:
        found: list[Finding] = []
        steps = (self._bot, self._app, self._signing, self._installing, self._events)
        for step in steps:
            try:
                found += await step()
            except (TimeoutError, aiohttp.ClientError, SlackClientError) as error:
                return [*found, _away(error)]
        return found

    async def _bot(self) -> list[Finding]:
        """The bot token, and the scopes that come with it."""
        token = self._given.bot_token
        if token is None:
            return []
        answer = await _ask(self._client.auth_test, token=token)
        if answer.error:
            return [_rejected("bot token", answer.error, BAD_BOT_TOKEN)]
        if not answer.data.get("bot_id"):
            text = "the bot token belongs to a person, not to a bot"
            return [Finding("error", text, BAD_BOT_TOKEN)]
        await self._remember_app(token, str(answer.data["bot_id"]))
        user, team = answer.data.get("user"), answer.data.get("team")
        return [Finding("ok", f"signed in to Slack as {user} in {team}"), *_scopes(answer.headers)]

    async def _remember_app(self, token: str, bot_id: str) -> None:
        try:
            answer = await _ask(self._client.bots_info, token=token, bot=bot_id)
        except SlackClientError as error:  # without it only a comparison is left out
            log.debug("the app's id cannot be had", error=type(error).__name__)
            return
        bot = answer.data.get("bot")
        self._app_id = bot.get("app_id") if isinstance(bot, dict) else None

    async def _app(self) -> list[Finding]:
        """The app-level token, by asking for the address of a connection."""
        token = self._given.app_token
        if token is None or self._given.mode != "socket":
            return []
        answer = await _ask(self._client.apps_connections_open, app_token=token)
        if answer.error == "missing_scope":
            text = "the app-level token lacks the scope connections:write"
            return [Finding("error", text, BAD_APP_TOKEN)]
        if "socket_mode" in answer.error:
            return [Finding("error", "Socket Mode is switched off for the app", NO_SOCKET_MODE)]
        if answer.error:
            return [_rejected("app-level token", answer.error, BAD_APP_TOKEN)]
        owner = APP_ID.match(token)
        if owner and self._app_id and owner[1] != self._app_id:
            text = f"bot token and app-level token belong to two apps: {self._app_id}, {owner[1]}"
            return [Finding("error", text, BAD_APP_TOKEN)]
        return [Finding("ok", "Socket Mode can be connected to")]

    async def _signing(self) -> list[Finding]:
        """The signing secret. Slack has nothing to try it on, so only its looks are checked."""
        secret = self._given.signing_secret
        if secret is None or self._given.mode != "http":
            return []
        if secret == self._given.client_secret or secret.startswith(("xox", "xapp-")):
            text = "the signing secret is another of the app's secrets"
            return [Finding("error", text, BAD_SECRET)]
        if not SIGNING_SECRET.fullmatch(secret):
            text = "the signing secret does not look like one of Slack's (32 of 0-9, a-f)"
            return [Finding("warning", text, BAD_SECRET)]
        text = (
            "the signing secret looks like one; a wrong one shows as rejected requests in the log"
        )
        return [Finding("ok", text)]

    async def _installing(self) -> list[Finding]:
        """Client id and secret, tried with a code that nobody was given."""
        given = self._given
        if given.client_id is None or given.client_secret is None:
            return []
        answer = await _ask(
            self._client.oauth_v2_access,
            client_id=given.client_id,
            client_secret=given.client_secret,
            code="a-code-that-nobody-was-given",
        )
        if answer.error in {"invalid_client_id", "bad_client_secret"}:
            what = "client id" if answer.error == "invalid_client_id" else "client secret"
            return [_rejected(what, answer.error, BAD_CLIENT)]
        if answer.error != "invalid_code":
            text = f"client id and secret could not be tried: Slack said {answer.error}"
            return [Finding("warning", text, BAD_CLIENT)]
        return [Finding("ok", "client id and client secret are right"), _public(given.public_url)]

    async def _events(self) -> list[Finding]:
        """The app's own manifest, where an app configuration token lets us see it."""
        token = self._given.config_token
        if token is None or self._app_id is None:
            return [Finding("ok", _UNSEEN, "")]
        answer = await _ask(self._client.apps_manifest_export, token=token, app_id=self._app_id)
        if answer.error:
            text = f"Slack does not show the app's manifest: {answer.error}"
            mend = f"Generate an app configuration token at the end of {APPS}; it lasts 12 hours"
            return [Finding("warning", text, mend)]
        return _compared(answer.data.get("manifest") or {}, self._given)


_UNSEEN = (
    "events cannot be seen with these tokens; the app must be subscribed to "
    f"{', '.join(EVENTS)} (an app configuration token in SLACK_CONFIG_TOKEN lets me check)"
)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What Slack said; `error` is empty if it agreed."""

    data: Mapping[str, Any]
    headers: Mapping[str, str]
    error: str = ""


async def _ask(method: Callable[..., Awaitable[Any]], **arguments: str) -> _Answer:
    try:
        response = await method(**arguments)
    except SlackApiError as error:
        response = error.response
        data = getattr(response, "data", None)
        if not isinstance(data, dict) or data.get("error", "ratelimited") in BROKEN:
            raise  # not Slack's judgement: a proxy's words, or a server's that broke
        return _Answer(data, response.headers, str(data["error"]))
    except AttributeError as error:  # the SDK stumbles over an answer that is plain text
        raise SlackClientError("the answer is not JSON") from error
    return _Answer(response.data, response.headers)


def _scopes(headers: Mapping[str, str]) -> list[Finding]:
    """What the bot token may do, which Slack says with every answer."""
    said = next((text for name, text in headers.items() if name.lower() == "x-oauth-scopes"), None)
    if said is None:
        text = "Slack did not say which scopes the bot token has"
        return [Finding("warning", text, f"Compare them with: {', '.join(SCOPES)}")]
    granted = {scope.strip() for scope in said.split(",")}
    lacking = [_lacks_scope(scope) for scope in SCOPES if scope not in granted]
    return lacking or [Finding("ok", f"all {len(SCOPES)} scopes are granted")]


def _lacks_scope(scope: str) -> Finding:
    mend = f"Add it under {APPS} → your app → OAuth & Permissions → Bot Token Scopes, {REINSTALL}"
    return Finding("error", f"the scope {scope} is missing: without it {SCOPES[scope]}", mend)


def _public(public_url: str | None) -> Finding:
    if public_url is None or not public_url.startswith("https://"):
        text = f"public_url is {public_url or 'not set'}, but Slack needs https for installations"
        return Finding("warning", text, "put a TLS proxy before [http] port and set public_url")
    return Finding("ok", f"workspaces install the app at {public_url}")


def _compared(exported: Mapping[str, Any], given: Credentials) -> list[Finding]:
    """The app as it is, against the app as it should be."""
    wanted = manifest(http=given.public_url if given.mode == "http" else None)
    features, settings = exported.get("features") or {}, exported.get("settings") or {}
    subscribed = (settings.get("event_subscriptions") or {}).get("bot_events") or []
    found = [_lacks_event(event) for event in EVENTS if event not in subscribed]
    found += _compared_commands(features, wanted["features"])
    if not (settings.get("interactivity") or {}).get("is_enabled"):
        mend = f"Switch it on under {APPS} → your app → Interactivity & Shortcuts"
        found.append(Finding("error", "interactivity is off: no button and window works", mend))
    if bool(settings.get("socket_mode_enabled")) != wanted["settings"]["socket_mode_enabled"]:
        mend = f"Change it under {APPS} → your app → Socket Mode, or change [slack] mode"
        found.append(Finding("error", f"Socket Mode does not fit mode {given.mode!r}", mend))
    return found or [Finding("ok", "events, command and interactivity are as they should be")]


def _compared_commands(features: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Finding]:
    """The slash command, and the entries of menus."""
    found = []
    own = [c for c in features.get("slash_commands") or [] if c.get("command") == COMMAND]
    page = f"{APPS} → your app → Slash Commands"
    if not own:
        mend = f"Add it under {page}, {REINSTALL}"
        found.append(Finding("error", f"the app has no command {COMMAND}", mend))
    elif not own[0].get("should_escape"):
        text = f"{COMMAND} does not get the ids of people and channels"
        mend = f"Tick 'Escape channels, users, and links' under {page}"
        found.append(Finding("warning", text, mend))
    there = {shortcut.get("callback_id") for shortcut in features.get("shortcuts") or []}
    lacking = [each for each in wanted["shortcuts"] if each["callback_id"] not in there]
    if lacking:
        names = ", ".join(f"{each['name']} ({each['callback_id']})" for each in lacking)
        mend = f"Add them under {APPS} → your app → Interactivity & Shortcuts"
        found.append(Finding("warning", f"the app lacks shortcuts: {names}", mend))
    return found


def _lacks_event(event: str) -> Finding:
    text = f"the event {event} is not subscribed to: {EVENTS[event]}"
    return Finding("error", text, f"Add it under {EVENTS_PAGE}, {REINSTALL}")


def _rejected(what: str, error: str, mend: str) -> Finding:
    return Finding("error", f"Slack does not accept the {what}: {error}", mend)


def _away(error: Exception) -> Finding:
    reason = type(error).__name__
    if isinstance(error, SlackApiError):
        status = getattr(error.response, "status_code", getattr(error.response, "status", None))
        reason = f"HTTP status {status}" if status else reason
    return Finding("error", f"Slack did not answer as expected: {reason}", NO_ANSWER)
