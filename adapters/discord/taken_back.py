"""Which messages the bot itself deletes: Discord tells of that as if anybody had."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import PlatformError

MOST_REMEMBERED = 10_000


class TakenBack:
    """Remembers the newest."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._ids: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._ids

    @contextmanager
    def deleting(self, message_id: int) -> Iterator[None]:
        """Held during the request; the event may come before its answer."""
        self._ids[message_id] = None
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)
        try:
            yield
        except PlatformError:
            self._ids.pop(message_id, None)
            raise
