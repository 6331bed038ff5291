"""What came in a session and could not be dealt with: the numbers of messages, by channel."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


class Owed:
    """Messages that are to be answered, or were changed."""

    def __init__(self) -> None:
        self._channels: dict[int, Any] = {}
        self._messages: dict[int, set[int]] = {}

    @property
    def channels(self) -> list[Any]:
        """Where something is owed."""
        return list(self._channels.values())

    def of(self, channel_id: int) -> list[int]:
        """What is owed there, oldest first."""
        return sorted(self._messages.get(channel_id, ()))

    def add(self, channel: Any, message_ids: Collection[int]) -> None:
        """These were not dealt with."""
        self._channels[channel.id] = channel
        self._messages.setdefault(channel.id, set()).update(message_ids)

    def paid(self, channel_id: int, message_ids: Collection[int]) -> None:
        """These were dealt with after all, or never can be."""
        left = self._messages.get(channel_id, set())
        left.difference_update(message_ids)
        if not left:
            self._channels.pop(channel_id, None)
            self._messages.pop(channel_id, None)

    def clear(self) -> None:
        """Nothing is to be looked for."""
        self._channels.clear()
        self._messages.clear()
