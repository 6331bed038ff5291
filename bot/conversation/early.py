"""Changes that overtook their message: what was edited or deleted before it was heard of."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from bot.values import Inbound, Place

REMEMBERED = 1_000
"""Events overtake one another by moments, so few of them have to be kept in mind."""

Key = tuple[str, str, str]


class EarlyChanges:
    """Remembers the newest changes to messages that nobody had brought yet."""

    def __init__(self) -> None:
        self._texts: OrderedDict[Key, str | None] = OrderedDict()

    def edited(self, place: Place, message_id: str, text: str) -> None:
        """An unknown message now says this; one that was deleted stays deleted."""
        key = _key(place, message_id)
        if self._texts.get(key, "") is not None:
            self._put(key, text)

    def deleted(self, place: Place, message_id: str) -> None:
        """An unknown message is gone."""
        self._put(_key(place, message_id), None)

    def applied(self, inbound: Inbound) -> Inbound | None:
        """The message as it stands by now; None if it was deleted."""
        text = self._texts.get(_key(inbound.place, inbound.message_id), inbound.text)
        return None if text is None else replace(inbound, text=text)

    def _put(self, key: Key, text: str | None) -> None:
        self._texts[key] = text
        self._texts.move_to_end(key)
        if len(self._texts) > REMEMBERED:
            self._texts.popitem(last=False)


def _key(place: Place, message_id: str) -> Key:
    """What makes a message one of its kind, in whichever Place it may be kept."""
    return place.platform, place.workspace, message_id
