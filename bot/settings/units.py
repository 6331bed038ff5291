"""What sections and values of the configuration may be: ranges, durations, and words for both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import BaseMetadata, Ge, GroupedMetadata, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.ASCII)


class Section(BaseModel):
    """What all sections have in common: frozen, and no key that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Between(GroupedMetadata):
    """From `low` to `high` of a unit; `above` and `below` leave the bound itself out."""

    low: float
    high: float
    unit: str = ""
    above: bool = False
    below: bool = False

    def __iter__(self) -> Iterator[BaseMetadata]:
        yield Gt(self.low) if self.above else Ge(self.low)
        yield Lt(self.high) if self.below else Le(self.high)

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.above else f"from {spelled(self.low, self.unit)}"
        high = "below" if self.below else "up to" if self.above else "to"
        unit = f" {self.unit}" if self.unit and self.unit != "s" else ""
        return f"{low} {high} {spelled(self.high, self.unit)}{unit}"


@dataclass(frozen=True)
class Says:
    """Words for a value that a range cannot describe."""

    words: str


def spelled(number: float, unit: str) -> str:
    """A bound as a person writes it: durations in their largest whole unit."""
    if unit != "s":
        return f"{number:,}"
    for name in ("d", "h", "min", "s"):
        if number >= SECONDS[name] and number % SECONDS[name] == 0:
            return f"{number / SECONDS[name]:g} {name}"
    return f"{number:g} s"


def seconds(value: object) -> object:
    """Seconds from "30 s", "10 min" or "2 h"; a number is left as it is."""
    if not isinstance(value, str):
        return value
    written = DURATION.fullmatch(value.lower())
    if written is None or (written[2] and written[2] not in SECONDS):
        raise ValueError("not a duration")
    return float(written[1]) * SECONDS[written[2] or "s"]


def _no_truth_value(value: object) -> object:
    """Python counts true as 1, a person does not."""
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004  pydantic wants a ValueError
    return value


def _usable(value: object) -> object:
    if isinstance(value, str) and ("\0" in value or not value.strip()):
        raise ValueError("not a path")
    return value


def listed(value: object) -> object:
    """A list, also from a variable of the environment: names with commas between, or JSON."""
    return re.sub(r'[][",]', " ", value).split() if isinstance(value, str) else value


def reads(pattern: str) -> AfterValidator:
    """A check of a secret's text, which pydantic's own patterns do not look into."""

    def check(value: SecretStr | None) -> SecretStr | None:
        if value is not None and re.fullmatch(pattern, value.get_secret_value()) is None:
            raise ValueError("does not read as it should")
        return value

    return AfterValidator(check)


def plain(secret: SecretStr | None) -> str | None:
    """The secret itself, for those that sign in with it."""
    return None if secret is None else secret.get_secret_value()


Whole = Annotated[int, BeforeValidator(_no_truth_value)]
Fraction = Annotated[float, BeforeValidator(_no_truth_value)]
Duration = Annotated[float, BeforeValidator(_no_truth_value), BeforeValidator(seconds)]
FilePath = Annotated[Path, BeforeValidator(_usable)]
Names = Annotated[
    tuple[Annotated[str, Field(pattern=r"^\w+$")], ...], NoDecode, BeforeValidator(listed)
]
HostNames = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[\w.-]+$")], ...], NoDecode, BeforeValidator(listed)
]
Addresses = Annotated[
    tuple[Annotated[str, Field(pattern=r"^https?://[^\s@,]+$")], ...],
    NoDecode,
    BeforeValidator(listed),
]


def allowed(field: FieldInfo) -> str:
    """What the field takes, in words that follow "must be"."""
    notes = [*field.metadata, *_notes(field.annotation)]
    for note in notes:
        if isinstance(note, Says):
            return note.words
    between = next((f" {note}" for note in field.metadata if isinstance(note, Between)), "")
    if between and any(isinstance(n, BeforeValidator) and n.func is seconds for n in notes):
        return f'a duration{between}, such as "30 s"'
    return _kind(field.annotation) + between


def _notes(annotation: Any) -> list[Any]:
    """What is noted on the parts of a type that may be left out."""
    return [note for part in get_args(annotation) for note in getattr(part, "__metadata__", ())]


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f'"{word}"' for word in get_args(annotation))
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kind = next(part for part in parts if part is not NoneType)
    kind = getattr(kind, "__origin__", kind)  # out of its Annotated
    words = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
    return words.get(kind, "text")
