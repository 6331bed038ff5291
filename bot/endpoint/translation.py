"""The openai library's exceptions in the words of this house."""

from __future__ import annotations

import re
import sys

import openai

from bot.endpoint.failure import Again, Failure
from bot.errors import Busy, ConfigError, GenerationError, QuipuError, TooLong

MOST_WORDS = 240
"""Of a server's message: some servers repeat the whole request in it."""

CONTEXT = re.compile(
    r"context.?(length|size|window)|maximum context|max_model_len|(prompt|input).{0,40}too long",
    re.IGNORECASE,
)


FOREIGN: tuple[type[Exception], ...] = (
    openai.OpenAIError,
    ValueError,  # what came is not JSON
    # Versions before 3 let their transport's own errors through when a stream breaks.
    *([sys.modules["httpx"].RequestError] if "httpx" in sys.modules else []),
)


def understood(error: Exception, url: str) -> Failure:
    """Why a request to `url` failed."""
    match error:
        case openai.APIStatusError():
            return _answered(error, url)
        case openai.APITimeoutError():
            return _away(f"{url} did not answer in time")
        case openai.APIConnectionError():
            return _away(f"{url} cannot be reached: {error.__cause__ or error}")
        case openai.APIError():  # it stood in the stream, behind a status of 200
            words = _words(error)
            return _broken(f"{url} failed: {_short(words)}", words=words)
        case _:
            said = _short(str(error) or type(error).__name__)
            return _broken(f"{url} sent what cannot be read: {said}")


def _answered(error: openai.APIStatusError, url: str) -> Failure:
    status = error.status_code
    words = _words(error)
    said = f"{url} answered {status}: {_short(words)}"
    told, again = _judged(status, words, said)
    return Failure(told, again, status=status, words=words, after=_pause(error))


def _words(error: openai.APIError) -> str:
    """What the server said, wherever it put that: each kind of server has a way of its own."""
    match error.body:
        case {"message": str(said)} | {"detail": str(said)} | str(said):
            words = said
        case None:
            words = error.message
        case other:
            words = str(other)
    return " ".join(str(each) for each in (words, error.code, error.param) if each)


def _judged(status: int, words: str, said: str) -> tuple[QuipuError, Again]:
    if status in (429, 503):
        return Busy(said, key="conversation.server_busy"), Again.ANYWHERE
    if status in (400, 413, 422, 500) and CONTEXT.search(words):
        return TooLong(said), Again.NOWHERE
    if status in (401, 403):
        return ConfigError(f"{said}; see api_key"), Again.ELSEWHERE
    if status == 404:
        return ConfigError(f"{said}; see urls and served"), Again.ELSEWHERE
    if status >= 500 or status in (408, 409):
        return GenerationError(said), Again.ANYWHERE
    return GenerationError(said), Again.NOWHERE


def _pause(error: openai.APIStatusError) -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None


def _away(said: str) -> Failure:
    return Failure(GenerationError(said, key="conversation.server_away"), Again.ANYWHERE)


def _broken(said: str, *, words: str = "") -> Failure:
    if CONTEXT.search(words):
        return Failure(TooLong(said), Again.NOWHERE, words=words)
    return Failure(GenerationError(said), Again.ANYWHERE, words=words)


def _short(words: str) -> str:
    plain = " ".join(words.split())
    return plain if len(plain) <= MOST_WORDS else f"{plain[:MOST_WORDS]}…"
