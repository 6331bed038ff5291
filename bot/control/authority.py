"""Who may do what: decided here alone, from what the platform vouched for at that moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.control.declarations import Command, Level
from bot.control.records import Record
from bot.control.response import Call
from bot.control.words import say
from bot.errors import Forbidden
from bot.values import Author, Place, Standing

log = structlog.get_logger(__name__)

LEAVE = frozenset({"privacy.show", "privacy.export", "privacy.delete", "privacy.feedback", "help"})
"""What even a person who may not talk here can do: it is about themselves."""


def authorise(call: Call, command: Command, record: Record | None = None) -> None:
    """Forbidden unless the caller may use the command; `record` is the reply it is about."""
    author = call.author
    if command.level is Level.EVERYONE or author.manages:
        return
    if command.level is Level.ASKER and (record is None or record.author.id == author.id):
        return
    log.info("command refused", command=command.name, person=author.id, place=call.place.id)
    key = "error.not_the_asker" if command.level is Level.ASKER else "error.not_an_admin"
    words = say(key, call.locale, command=command.name)
    raise Forbidden(f"{author.id} may not use {command.name}", notice=words)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may talk: lists of `person:ID`, `role:ID` and `channel:ID`.

    A person or channel on a deny list is refused. Where there is an allow list of people or roles,
    only those may talk; where there is one of channels, only there. A channel stands for its
    threads as well; where threads have ids of their own, one can be named by itself.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: Any) -> Access:
        """From what a setting holds; anything odd in it counts as nothing."""
        if not isinstance(value, Mapping):
            return cls()
        return cls(tuple(value.get("allow") or ()), tuple(value.get("deny") or ()))

    @property
    def roles(self) -> frozenset[str]:
        """The ids of the roles on either list."""
        kinds = (entry.partition(":") for entry in (*self.allow, *self.deny))
        return frozenset(name for kind, _, name in kinds if kind == "role")

    def permits(self, place: Place, author: Author) -> bool:
        """Whether this list alone lets the author talk at the place."""
        who = {f"person:{author.id}", *(f"role:{role}" for role in author.roles)}
        where = {f"channel:{one}" for one in (place.channel, place.thread) if one}
        if (who | where) & set(self.deny):
            return False
        channels = {entry for entry in self.allow if entry.startswith("channel:")}
        people = set(self.allow) - channels
        return (not channels or bool(where & channels)) and (not people or bool(who & people))


def managed(place: Place, author: Author) -> tuple[str, ...]:
    """The scopes that the author manages: an owner all of them, an admin all but the workspace.

    In a direct message that is everybody's own conversation, and never the workspace around it.
    """
    if author.standing is Standing.OWNER:
        return place.scopes
    return place.scopes[:-1] if author.manages else ()


def may_talk(lists: Iterable[Access] | Sequence[Access], place: Place, author: Author) -> bool:
    """Whether every list, from the thread's to the configuration's, lets the author talk."""
    return all(access.permits(place, author) for access in lists)
