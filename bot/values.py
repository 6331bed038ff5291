"""The frozen values that cross from one room to another; nothing here does any work."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """Who speaks in a turn."""

    USER = "user"
    ASSISTANT = "assistant"


class Standing(StrEnum):
    """What an author is at a Place, as the platform vouched for it when the message came.

    An admin manages the channel, an owner the whole workspace.
    """

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    BOT = "bot"


class ReplyState(StrEnum):
    """A reply's life; see ARCHITECTURE.md. The last five are endings."""

    CLAIMED = "claimed"
    QUEUED = "queued"
    GENERATING = "generating"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    MERGED = "merged"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to this reply."""
        return self not in UNFINISHED


UNFINISHED = frozenset(
    {ReplyState.CLAIMED, ReplyState.QUEUED, ReplyState.GENERATING, ReplyState.DELIVERING}
)


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Place:
    """Where people talk. Only the adapter of its platform reads inside the parts.

    `workspace` is a Discord guild or a Slack team, `thread` is empty in the channel itself.
    A private Place is a conversation of one person with the bot: a DM or a terminal. A thread is
    `closed` if not everybody in its channel sees it; only what comes from its platform knows that.
    """

    platform: str
    workspace: str
    channel: str
    thread: str = ""
    private: bool = False
    closed: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if not (self.platform and self.workspace and self.channel) or ":" in self.platform:
            raise ValueError(f"a Place needs platform, workspace and channel: {self!r}")
        if any("/" in part for part in (self.workspace, self.channel, self.thread)):
            raise ValueError(f"no part of a Place may hold a slash: {self!r}")

    @property
    def id(self) -> str:
        """`platform:workspace/channel` or `platform:workspace/channel/thread`."""
        return self.scopes[0]

    @property
    def scopes(self) -> tuple[str, ...]:
        """What settings inherit from, innermost first: thread, channel, workspace."""
        workspace = f"{self.platform}:{self.workspace}"
        channel = f"{workspace}/{self.channel}"
        if self.thread:
            return (f"{channel}/{self.thread}", channel, workspace)
        return (channel, workspace)

    @classmethod
    def parse(cls, place_id: str, *, private: bool = False) -> Place:
        """Read what `id` wrote. Raises ValueError for anything else."""
        platform, colon, path = place_id.partition(":")
        parts = path.split("/")
        if not colon or len(parts) not in (2, 3) or not all(parts):
            raise ValueError(f"not the id of a Place: {place_id!r}")
        thread = parts[2] if len(parts) == 3 else ""
        return cls(platform, parts[0], parts[1], thread, private)


@dataclass(frozen=True, slots=True)
class Author:
    """A person (or bot) at a Place; `id` is stable, `name` is what others see.

    `roles` are ids of the platform's roles or groups, where it has them.
    """

    id: str
    name: str
    standing: Standing = Standing.MEMBER
    roles: tuple[str, ...] = ()

    @property
    def manages(self) -> bool:
        """Whether this person manages the channel, or more."""
        return self.standing in {Standing.ADMIN, Standing.OWNER}


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message for the bot: markup undone, the bot's own mention removed.

    `mentioned` says that its author turned to the bot, by name, by a reply or in private; without
    that it is answered only where the Place wants every message answered. `locale` is the author's
    language where the platform tells it, as in `en-GB`. The names of the channel and the workspace
    are for personas that speak of them, where the platform tells them. `quoted` is the id of whose
    words the text quotes at its head, if it does.
    """

    place: Place
    author: Author
    text: str
    message_id: str
    said_at: datetime
    mentioned: bool = True
    locale: str = ""
    channel_name: str = ""
    workspace_name: str = ""
    quoted: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One saved message of a conversation."""

    id: int
    role: Role
    text: str
    author: Author | None = None


@dataclass(frozen=True, slots=True)
class Persona:
    """A system prompt and its version; version 0 is the configuration's own.

    One that is `cleared` was taken back; another without text went with who wrote it.
    """

    text: str
    version: int = 0
    scope: str = ""
    set_by: str = ""
    set_at: datetime | None = None
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest. Checked by `check`.

    `stop` are texts that end the answer and are not part of it. `logit_bias` holds pairs of a
    token's id and what is added to its logit; control tokens cannot be favoured.
    """

    max_new_tokens: int = 512
    temperature: float = 0.6
    top_p: float = 0.9
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What a Place's answers are made with.

    An empty `model` is the configuration's first one, an empty `adapter` none. `sampling` holds
    names and values of `Sampling` that are laid over what the model recommends.
    """

    model: str = ""
    adapter: str = ""
    sampling: tuple[tuple[str, float | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids ready for the model, and what they hold.

    `text` is the same prompt as people would write it, control tokens spelled out; `messages` is it
    as pairs of role (system, user, assistant) and text. `kept` and `dropped` count turns;
    `first_kept` is the place in the given turns where the prompt begins, before which earlier ones
    may have been `dropped`. `begun` is the answer so far, with which the prompt ends if the answer
    is to go on from there.
    """

    ids: tuple[int, ...]
    text: str
    persona: Persona | None
    kept: int
    dropped: int
    first_kept: int = 0
    cut: bool = False
    stops: tuple[str, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()
    begun: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a generation ended: `tokens` were written, `reused` prompt tokens were not computed.

    The last `surplus` characters only repeat what stands before them, or show nothing.
    """

    reason: FinishReason
    tokens: int
    prompt_tokens: int
    reused: int = 0
    seed: int | None = None
    surplus: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place in the queue, 0 while the answer is being written, and an estimate in seconds.

    `waking` is the title of a model that is being loaded first; an answer that is `halted` waits
    for the database.
    """

    place: int = 0
    seconds: float | None = None
    waking: str = ""
    halted: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One platform message that a reply occupies, and what was last shown in it."""

    index: int
    message_id: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The bot's answer to one Inbound, as the journal has it.

    `locale` is the asker's language while the program knows it; the journal does not keep it.
    `attempts` is how many starts of the program have begun it.
    `beside` are messages of other replies at the same Place, of one found unfinished at a start.
    """

    id: int
    place: Place
    author: Author
    message_id: str
    state: ReplyState
    claimed_at: datetime
    text: str = ""
    parts: tuple[Part, ...] = ()
    reason: str = ""
    locale: str = ""
    beside: frozenset[str] = field(default=frozenset(), compare=False)
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `quipu doctor` looked at; `mend` says what to do unless all is well.

    An error stops `quipu run`, a warning does not.
    """

    severity: Literal["ok", "warning", "error"]
    text: str
    mend: str = ""
