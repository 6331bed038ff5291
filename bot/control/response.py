"""What a command asks an adapter to show, in no platform's words; and what an adapter hands in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.control.declarations import Argument
from bot.values import Author, Place

Given = str | int | float | bool
"""The value of an argument; a file is its text."""

PREFIX = "q"
REPLY_ID = re.compile(r"[0-9]{0,18}")
"""What a database can hold as a number; nothing for none."""
LONGEST_ID = 100
"""Characters of a button's id on Discord; Slack allows more."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A value of a setting that the platform lets nothing come of; words say what is needed."""

    setting: str
    value: Given
    key: str


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a command. The author's standing and roles are what the platform vouches for now.

    `reply_id` is the reply whose button was pressed, `message_id` the message whose menu was used;
    without either, a command about a reply means the newest one here. `prefix` is what people write
    before a command there, as in `/` or `/quipu `. With `every_thread` the platform vouches that
    the author sees all threads of the channel, those that are closed to others too. A field of a
    form holds so many `field_characters` there. `obstacles` are what the bot cannot do there.
    """

    command: tuple[str, ...]
    place: Place
    author: Author
    locale: str = "en"
    arguments: Mapping[str, Given] = field(default_factory=dict)
    reply_id: int | None = None
    message_id: str | None = None
    confirmed: bool = False
    prefix: str = "/"
    every_thread: bool = False
    field_characters: int = 4000
    obstacles: tuple[Obstacle, ...] = ()


def hindered(call: Call, values: Mapping[str, object]) -> list[Obstacle]:
    """The obstacles to these values of settings."""
    return [each for each in call.obstacles if values.get(each.setting) == each.value]


@dataclass(frozen=True, slots=True)
class Button:
    """Uses a command when it is pressed. `label` is in the reader's or the Place's language."""

    command: tuple[str, ...]
    label: str
    emoji: str = ""
    reply_id: int | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    confirmed: bool = False
    danger: bool = False
    window: bool = False

    @property
    def id(self) -> str:
        """Everything needed to use it again after a restart: `q:path:reply:flags:name=value`."""
        flags = ("c" if self.confirmed else "") + ("w" if self.window else "")
        parts = [PREFIX, ".".join(self.command), str(self.reply_id or ""), flags]
        return ":".join([*parts, *(f"{name}={value}" for name, value in self.arguments)])


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a button's id says. Nothing of it is trusted: the command checks who may."""

    command: tuple[str, ...]
    reply_id: int | None
    arguments: dict[str, Given]
    confirmed: bool
    window: bool


def pressed(button_id: str) -> Pressed | None:
    """Read a button's id; None for one that is not ours."""
    parts = button_id.split(":")
    if len(parts) < 4 or parts[0] != PREFIX or not REPLY_ID.fullmatch(parts[2]):
        return None
    pairs = (part.partition("=") for part in parts[4:])
    return Pressed(
        command=tuple(parts[1].split(".")),
        reply_id=int(parts[2]) if parts[2] else None,
        arguments={name: value for name, _, value in pairs},
        confirmed="c" in parts[3],
        window="w" in parts[3],
    )


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form, with its label and what it holds at first."""

    argument: Argument
    label: str
    value: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A window to fill in; submitting it uses `command` with the fields as arguments."""

    command: tuple[str, ...]
    title: str
    fields: tuple[Field, ...]
    reply_id: int | None = None
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One setting on the page: its value in words, and where that comes from in words.

    `options` are values with labels where it is chosen; else it is written. `own` says that it is
    set here and not inherited. Changing it uses `command` with its argument, and with `where` that
    says what for, unless it is empty.
    """

    command: tuple[str, ...]
    argument: Argument
    label: str
    value: str
    shown: str
    origin: str
    own: bool = False
    options: tuple[tuple[str, str], ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """All settings of a Place, by groups with a title."""

    title: str
    groups: tuple[tuple[str, tuple[Item, ...]], ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file for the person alone."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What to show to the person alone: text in Markdown, and perhaps more.

    A `form` is opened, with the text above its fields where the platform can do that. `page` comes
    below the text.
    """

    text: str = ""
    buttons: tuple[Button, ...] = ()
    form: Form | None = None
    page: Page | None = None
    file: File | None = None
