"""Who is addressed by a text, and who is really pinged once `allowed_mentions` has had its say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.loopback.discord.errors import ApiError
from tests.loopback.discord.permissions import MENTION_EVERYONE, in_channel

if TYPE_CHECKING:
    from tests.loopback.discord.model import Channel, Json, Message, Role, User

CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)
USER = re.compile(r"<@!?(\d+)>")
ROLE = re.compile(r"<@&(\d+)>")
EVERYONE = re.compile(r"@(everyone|here)\b")


@dataclass(frozen=True)
class Mentions:
    """Whom a message pings."""

    users: list[User]
    roles: list[Role]
    everyone: bool

    @property
    def pings(self) -> set[str]:
        """The same in words: `user Ann`, `role staff`, `everyone`."""
        named = {f"user {user.name}" for user in self.users}
        named |= {f"role {role.name}" for role in self.roles}
        return named | {"everyone"} if self.everyone else named


class Allowed:
    """The `allowed_mentions` of a request; without it everything pings."""

    def __init__(self, given: Json | None) -> None:
        self._given: Json = {"parse": ["users", "roles", "everyone"], "replied_user": True}
        if given is not None:
            self._given = given
        self._check()

    def _check(self) -> None:
        for kind in ("users", "roles"):
            if kind in (self._given.get("parse") or []) and self._given.get(kind):
                raise ApiError(50035, errors={"allowed_mentions": f"either parse or {kind}"})

    def without_reply_ping(self) -> Allowed:
        """The same, but a reply does not ping."""
        return Allowed(self._given | {"replied_user": False})

    def allows(self, kind: str, target: int = 0) -> bool:
        """Whether a mention of this kind (and id) may ping."""
        listed = {int(item) for item in self._given.get(kind) or []} if kind != "everyone" else ()
        return kind in (self._given.get("parse") or []) or target in listed

    @property
    def replied_user(self) -> bool:
        """Whether a reply pings the author that it answers."""
        return bool(self._given.get("replied_user"))


def addressed(
    text: str,
    *,
    author: User,
    channel: Channel,
    users: Mapping[int, User],
    allowed: Allowed,
    answers: Message | None = None,
) -> Mentions:
    """Whom this text pings, code spans left out."""
    plain = CODE.sub(" ", text)
    may_all = bool(in_channel(channel, author) & MENTION_EVERYONE)
    ids = dict.fromkeys(int(found) for found in USER.findall(plain))
    pinged = [users[i] for i in ids if i in users and allowed.allows("users", i)]
    if answers and allowed.replied_user and answers.author not in [*pinged, author]:
        pinged.append(answers.author)
    return Mentions(
        users=pinged,
        roles=_roles(plain, channel, allowed, may_all=may_all),
        everyone=may_all and allowed.allows("everyone") and bool(EVERYONE.search(plain)),
    )


def _roles(text: str, channel: Channel, allowed: Allowed, *, may_all: bool) -> list[Role]:
    ids = {int(found) for found in ROLE.findall(text)}
    roles = channel.guild.roles if channel.guild else []
    pingable = [role for role in roles if role.id in ids and (role.mentionable or may_all)]
    return [role for role in pingable if allowed.allows("roles", role.id)]
