"""A message before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.loopback.discord.mentions import Allowed

if TYPE_CHECKING:
    from tests.loopback.discord.model import Attachment, Json, Message


@dataclass
class Draft:
    """Everything that its sender decides about a message."""

    content: str
    reference: Message | None = None
    reference_id: int | None = None
    nonce: str | int | None = None
    flags: int = 0
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    allowed: Allowed = field(default_factory=lambda: Allowed(None))
    interaction: Json | None = None
