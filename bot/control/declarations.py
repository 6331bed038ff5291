"""What a command is: its name, its arguments with types and ranges, and who may use it.

Adapters render these in their platform's own way; nothing here knows a platform. The words for
people are in the catalogue: `command.<path>` is the help, `argument.<path>.<name>` an argument's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Who may use a command: everybody, who asked for the reply (or an admin), or admins."""

    EVERYONE = "everyone"
    ASKER = "asker"
    ADMIN = "admin"


class Kind(StrEnum):
    """What an argument is. A person, role or channel is its platform's id."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    INTEGER = "integer"
    NUMBER = "number"
    SWITCH = "switch"
    CHOICE = "choice"
    PERSON = "person"
    ROLE = "role"
    CHANNEL = "channel"
    FILE = "file"


class Target(StrEnum):
    """What a command is about: the Place where it is given, or one reply of the bot there."""

    PLACE = "place"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument. `least` and `most` bound a number, or the length of a text.

    `choices` are fixed values; `source` names a list that is asked for when it is needed
    (models, adapters, presets, versions). A list that can be short is offered while typing.
    """

    name: str
    kind: Kind
    required: bool = False
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. A `path` of two words belongs to the group of the first.

    `button` says that it is offered beside replies, `menu` that a message's menu has it. With
    `window` the command, given without its arguments, opens a form for them. `confirm` asks first.
    """

    path: tuple[str, ...]
    level: Level
    arguments: tuple[Argument, ...] = ()
    target: Target = Target.PLACE
    button: bool = False
    menu: bool = False
    window: bool = False
    confirm: bool = False

    @property
    def name(self) -> str:
        """The path with spaces, as people write it."""
        return " ".join(self.path)

    @property
    def key(self) -> str:
        """The path with dots, as the catalogue has it."""
        return ".".join(self.path)
