"""What went wrong with one request to a server: what to tell people, and whether to try again."""

from __future__ import annotations

from enum import Enum, auto

from bot.errors import GenerationError, QuipuError


class Again(Enum):
    """Where the same request has a chance."""

    NOWHERE = auto()
    ELSEWHERE = auto()
    ANYWHERE = auto()


class Failure(Exception):
    """One request failed. `error` is what the house shall see if nothing else helps.

    `status` and `words` are the server's own; 0 and empty if it said nothing. `after` is the pause
    in seconds that it asked for.
    """

    def __init__(
        self,
        error: QuipuError,
        again: Again,
        *,
        status: int = 0,
        words: str = "",
        after: float | None = None,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.status = status
        self.words = words
        self.after = after


def silent(url: str, seconds: float) -> Failure:
    """Nothing came for so long; the server works, so only another one may be quicker."""
    error = GenerationError(
        f"{url} wrote nothing for {seconds:g} s", key="conversation.server_busy"
    )
    return Failure(error, Again.ELSEWHERE)


def broke_off(url: str) -> Failure:
    """The stream came to an end without an ending."""
    return Failure(GenerationError(f"{url} broke off its answer"), Again.ANYWHERE)
