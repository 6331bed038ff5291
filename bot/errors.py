"""Everything that can go wrong, in one tree; each error carries the words that a person may read.

QuipuError
├── ConfigError          the configuration, or what it names, is wrong
├── Refused              this request cannot be carried out as asked
│   ├── TooLong          a message or a persona does not fit the model
│   ├── Forbidden        this person may not do that
│   └── Busy             too many are waiting
├── PlatformError        a platform did not take what was sent; it may be tried again
│   ├── Throttled        not before `retry_after` seconds
│   ├── Oversized        not in one message of this size
│   └── Undeliverable    never: the place is gone or closed to the bot
│       ├── Gone             not in this message, which somebody has deleted
│       ├── ThreadGone       not in this thread, but perhaps in its channel
│       └── Unchangeable     not in this message, but perhaps in another
├── GenerationError      the model failed while it was writing
│   ├── GeneratorLost    it will never write again in this process
│   └── ModelLoadError   the model could not be loaded
└── StorageError         the database did not answer or does not fit
    ├── Closed           the program is stopping
    └── OutOfOrder       nothing can be read or written now; it may be possible again later

Exceptions of libraries are translated where they enter, and nowhere else.
"""

from __future__ import annotations

from typing import Any


class QuipuError(Exception):
    """The root. `str(error)` is for the log and the operator, `notice` for the person waiting.

    `key` names words of the catalogue, with `values` for what is in braces there: they are shown
    instead of the notice, in the person's language.
    """

    notice = "Something went wrong on my side, so I could not answer. Please try again."
    key = ""

    def __init__(
        self, message: str = "", *, notice: str | None = None, key: str = "", **values: object
    ) -> None:
        super().__init__(message or notice or self.notice)
        if notice is not None:
            self.notice = notice
        if key:
            self.key = key
        self.values = values


class ConfigError(QuipuError):
    """The configuration, or something it names, is wrong; the message says how to mend it."""

    notice = "I am not set up correctly; whoever runs me will find the reason in my log."


class Refused(QuipuError):
    """The request cannot be carried out as asked; asking differently can help."""

    notice = "I cannot do that as you asked it."


class TooLong(Refused):
    """A message or a persona does not fit into the model's context."""

    notice = "That is too long for me to read in one piece. Please shorten it."


class Forbidden(Refused):
    """The person lacks the authority for what they asked."""

    notice = "You are not allowed to do that here."


class Busy(Refused):
    """A bounded queue is full."""

    notice = "Too many people are waiting for me right now. Please try again in a moment."


class PlatformError(QuipuError):
    """A platform did not take a request; trying again later may help."""

    notice = "I could not reach this place for a while; please ask me again."


class Throttled(PlatformError):
    """The platform asks for a pause of `retry_after` seconds."""

    def __init__(self, message: str = "", *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Oversized(PlatformError):
    """The platform does not take so much in one message, though it is within the known limit."""


class Undeliverable(PlatformError):
    """The place or message is gone, or closed to the bot: never try again."""

    notice = "I may not write there."


class Gone(Undeliverable):
    """The message is no more, so that nothing of it is left to be changed."""


class ThreadGone(Undeliverable):
    """The message that began the thread is no more, so that nothing can be posted there."""


class Unchangeable(Undeliverable):
    """The message stands, but can no longer be edited; a new one may say what it was to say."""


class GenerationError(QuipuError):
    """The model failed while it was writing this answer; other answers are not affected."""

    notice = "I stumbled while writing this answer. Please try again."


class GeneratorLost(GenerationError):
    """The model's device failed, or a step of it hangs: only a new process will write again."""

    notice = "My model has failed and has to be started anew. Please ask me again in a moment."


class ModelLoadError(GenerationError):
    """The model could not be loaded; the message says what to do about it."""

    notice = "My model could not be loaded; whoever runs me will find the reason in my log."


class StorageError(QuipuError):
    """The database did not answer, or does not fit this program; `mend` may say what to do."""

    notice = "I could not write down your message, so I will not answer it. Please try again."

    def __init__(self, message: str = "", *, mend: str = "", **words: Any) -> None:
        super().__init__(message, **words)
        self.mend = mend


class Closed(StorageError):
    """The program is stopping; what comes now is found by its next start."""


class OutOfOrder(StorageError):
    """The database cannot be used now: it is locked, full, read-only, away, or damaged.

    It may pass by itself or by what the operator does, unless it is `lasting`: then only a restart
    looks again.
    """

    notice = (
        "My memory is out of order, so I could not take that in. Please try again in a few minutes."
    )

    def __init__(self, message: str = "", *, mend: str = "", lasting: bool = False) -> None:
        super().__init__(message, mend=mend)
        self.lasting = lasting

    def again(self) -> OutOfOrder:
        """The same for somebody else, without the traceback of the first."""
        return OutOfOrder(str(self), mend=self.mend, lasting=self.lasting)
