"""The sections about people: who may talk, how much in a day, and presets of personas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from bot.settings.units import Between, Says, Section, Whole, listed

ENTRY = r"^([a-z]+:)?(person|role|channel):[^\s:]+$"
WHOM = Says('a list such as ["person:123456789", "slack:channel:C0123456789"]')

Entries = Annotated[
    tuple[Annotated[str, Field(pattern=ENTRY)], ...], NoDecode, BeforeValidator(listed)
]


class AccessSettings(Section):
    """Who may talk at all, whatever the admins of a place allow."""

    allow: Annotated[Entries, WHOM] = ()
    deny: Annotated[Entries, WHOM] = ()


class LimitSettings(Section):
    """The most that one person and one channel may use in a day (UTC); 0 is no limit."""

    person_messages: Annotated[Whole, Between(0, 1_000_000, "messages")] = 0
    person_tokens: Annotated[Whole, Between(0, 1_000_000_000, "tokens")] = 0
    channel_messages: Annotated[Whole, Between(0, 1_000_000, "messages")] = 0
    channel_tokens: Annotated[Whole, Between(0, 1_000_000_000, "tokens")] = 0


class PresetSettings(BaseModel):
    """Personas that people can choose by name: any key is one, and its value the text."""

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, Annotated[str, Field(min_length=1, max_length=16_000)]]

    @property
    def texts(self) -> dict[str, str]:
        """The texts by name, as they are saved when somebody chooses them."""
        return {name: text.strip() for name, text in (self.__pydantic_extra__ or {}).items()}

    def __repr_args__(self) -> Iterable[tuple[str | None, str]]:
        """The names alone: whatever stands in the texts, a log has no use for it."""
        yield "names", ", ".join(self.texts)
