"""Translates what discord.py and its HTTP client raise into the errors of `bot.errors`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from bot.errors import Gone, Oversized, PlatformError, Throttled, Unchangeable, Undeliverable

INVALID_FORM = 50035
TOO_LONG = "or fewer in length"
UNKNOWN_MESSAGE = 10008
SOMEBODY_ELSES = 50005
ARCHIVED = 50083
MISSING_ACCESS = 50001
MISSING_PERMISSIONS = 50013
CANNOT_DM = 50007
OLD_MESSAGE_EDITS = 30046
OLD_MESSAGE_PAUSE = 6.0
NO_HISTORY_FOR_REPLY = 160002
REFUSALS = {
    10003: "the channel is gone",
    UNKNOWN_MESSAGE: "the message is gone",
    CANNOT_DM: "this person takes no direct messages from the bot",
    MISSING_ACCESS: "the bot cannot see the channel; give its role View Channel",
    MISSING_PERMISSIONS: "the bot may not write there; give its role Send Messages "
    "(in threads: Send Messages in Threads)",
    ARCHIVED: "the thread is archived",
    SOMEBODY_ELSES: "the message is not the bot's to change",
    NO_HISTORY_FOR_REPLY: "the bot may not read older messages; give its role Read Message History",
}

# A new message in an archived thread opens it again, unless it is locked.
KINDS = {SOMEBODY_ELSES: Unchangeable, ARCHIVED: Unchangeable, UNKNOWN_MESSAGE: Gone}


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn every failure of a request into a PlatformError that names the place."""
    try:
        yield
    except discord.RateLimited as error:
        raise Throttled(f"{place}: {error}", retry_after=error.retry_after) from error
    except discord.HTTPException as error:
        raise _refusal(place, error) from error
    except (aiohttp.ClientError, OSError) as error:
        # TimeoutError is an OSError, and str() of either can be empty.
        raise PlatformError(f"{place}: Discord could not be reached: {error!r}") from error
    except (ValueError, KeyError, TypeError) as error:
        # discord.py stumbles over an answer that is not Discord's, or was cut off on its way.
        raise PlatformError(f"{place}: Discord answered with something else: {error!r}") from error
    except RuntimeError as error:
        if "closed" not in str(error):
            raise
        raise PlatformError(f"{place}: the connection to Discord is closed") from error


def _refusal(place: str, error: discord.HTTPException) -> PlatformError:
    if error.code == OLD_MESSAGE_EDITS:
        return Throttled(f"{place}: {error}", retry_after=OLD_MESSAGE_PAUSE)
    if error.status == 429:
        return Throttled(f"{place}: {error}", retry_after=_retry_after(error))
    if error.status >= 500 or error.status == 408:
        return PlatformError(f"{place}: {error}")
    if error.code == INVALID_FORM and TOO_LONG in error.text:
        return Oversized(f"{place}: {error}")
    kind = KINDS.get(error.code, Undeliverable)
    return kind(f"{place}: {REFUSALS.get(error.code, 'Discord refused')}: {error}")


def _retry_after(error: discord.HTTPException) -> float:
    try:
        return float(error.response.headers.get("Retry-After", "1"))
    except ValueError:
        return 1.0
