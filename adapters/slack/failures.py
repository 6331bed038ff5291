"""What can go wrong with Slack's Web API, as the core's errors.

PlatformError, of no more definite kind, means that no answer came: the request may have acted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import (
    Gone,
    Oversized,
    PlatformError,
    ThreadGone,
    Throttled,
    Unchangeable,
    Undeliverable,
)

ENDED_STREAM = frozenset({"message_not_in_streaming_state", "stopped_by_user"})
STREAMING = "streaming_state_conflict"
NO_STREAMS = frozenset(
    {
        "feature_disabled",
        "method_deprecated",
        "missing_scope",
        "not_allowed_token_type",
        "not_subscribed_to_message_stream_stopped",
        "team_not_found",
        "unknown_method",
    }
)
"""What Slack says where a workspace has no native streams for us."""
BAD_BLOCKS = frozenset(
    {"block_mismatch", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}
)
"""What Slack says of a message whose text it would take without blocks."""
TOO_LONG = frozenset({"msg_too_long", "msg_blocks_too_long"})
FIXED = frozenset({"cant_update_message", "edit_window_closed"})
"""What Slack says of a message that stands, but can no longer be changed."""
NOT_FOUND = "message_not_found"
GONE = frozenset({NOT_FOUND, "cant_delete_message"})
ROOTLESS = frozenset({"cannot_reply_to_message", "thread_not_found"})
"""What Slack says of a thread whose first message is gone."""
REVOKED = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
)
THROTTLED = frozenset({"ratelimited", "rate_limited"})
PASSING = frozenset(
    {
        STREAMING,
        "external_channel_migrating",
        "fatal_error",
        "internal_error",
        "message_limit_exceeded",
        "messaging_processing_failed",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
        "update_failed",
    }
)
MENDS = {
    "channel_not_found": "the bot cannot see the channel; invite it with /invite",
    "not_in_channel": "the bot is not in the channel; invite it with /invite",
    "is_archived": "the channel is archived",
    NOT_FOUND: "the message is gone",
    "cant_update_message": "the message is not the bot's to change",
    "edit_window_closed": "the workspace lets messages not be changed so late",
    "restricted_action": "the workspace lets the bot not write there",
    "messages_tab_disabled": "the app's Messages tab is switched off (App Home)",
    **dict.fromkeys(ROOTLESS, "the message that began the thread is gone"),
} | dict.fromkeys(REVOKED, "Slack no longer accepts the bot's token; install the app again")


class Refusal(Undeliverable):
    """Slack understood and will not; `code` is its word for the reason."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Trouble(PlatformError):
    """Slack could not just now, and did not; `code` is its word for the reason."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Told:
    """What has been said in the log already, so that it is said once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, ...]] = set()

    def first(self, *what: str) -> bool:
        """Whether this was not said before."""
        new = what not in self._told
        self._told.add(what)
        return new

    def said(self, *what: str) -> bool:
        """Whether this was said before."""
        return what in self._told


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn every failure of a request into a PlatformError that names the request."""
    try:
        yield
    except SlackApiError as error:
        raise _judged(what, error) from error
    except (aiohttp.ClientError, SlackClientError, OSError) as error:
        # TimeoutError is an OSError, and str() of either can be empty.
        raise PlatformError(f"{what}: Slack could not be reached: {error!r}") from error
    except (AttributeError, ValueError) as error:  # the SDK stumbles over an answer without JSON
        raise PlatformError(f"{what}: Slack answered with something else: {error!r}") from error
    except RuntimeError as error:
        if "closed" not in str(error):
            raise
        raise PlatformError(f"{what}: the connection to Slack is closed") from error


@contextmanager
def fitted() -> Iterator[None]:
    """Say of a message that was refused whether a smaller one, or a new one, would do."""
    try:
        yield
    except Refusal as error:
        if error.code in TOO_LONG:
            raise Oversized(str(error)) from error
        if error.code in FIXED:
            raise Unchangeable(str(error)) from error
        if error.code == NOT_FOUND:
            raise Gone(str(error)) from error
        if error.code in ROOTLESS:
            raise ThreadGone(str(error)) from error
        raise


def answer_of(error: SlackApiError) -> Mapping[str, Any]:
    """The body of a refused request; empty where it was not Slack's JSON."""
    data = getattr(error.response, "data", None)
    return data if isinstance(data, dict) else {}


def _judged(what: str, error: SlackApiError) -> PlatformError:
    code = str(answer_of(error).get("error", ""))
    status = _status(error)
    if code in THROTTLED or status == 429:
        return Throttled(f"{what}: too many requests", retry_after=_retry_after(error))
    if code in PASSING:
        return Trouble(f"{what}: {code}", code)
    if not code or status >= 500:
        return PlatformError(f"{what}: Slack answered with status {status}")
    detail = answer_of(error).get("needed")
    reason = MENDS.get(code, f"the scope {detail} is missing" if detail else "Slack refused")
    return Refusal(f"{what}: {code}: {reason}", code)


def _status(error: SlackApiError) -> int:
    response: Any = error.response
    return int(getattr(response, "status_code", getattr(response, "status", 0)) or 0)


def _retry_after(error: SlackApiError) -> float:
    headers = getattr(error.response, "headers", None) or {}
    try:
        return max(0.0, float(headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0
