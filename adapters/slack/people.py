"""Who people are in a workspace: their names, and whether they manage it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from adapters.slack.api import Answer, Api
from adapters.slack.budget import PERSON
from adapters.slack.failures import Refusal
from adapters.slack.groups import Groups
from adapters.slack.places import ids_of, is_private
from adapters.slack.recent import Recent
from adapters.slack.workspaces import Workspace
from bot import plain
from bot.errors import Busy, PlatformError
from bot.values import Author, Standing

log = structlog.get_logger(__name__)

REMEMBERED = 300.0
MOST_REMEMBERED = 20_000
PATIENCE = 0.7
"""Seconds; an event has to be acknowledged within three."""
MOST_NAMES = 5
"""People whose names are asked for on behalf of one message."""


@dataclass(frozen=True, slots=True)
class Person:
    """What Slack says about somebody."""

    name: str
    manages: bool = False
    locale: str = ""


class People:
    """Asks `users.info`, and remembers for some minutes. `admins` manage every workspace."""

    def __init__(self, api: Api, admins: frozenset[str], groups: Groups) -> None:
        self._api = api
        self._groups = groups
        self._admins = admins
        self._known: Recent[tuple[str, str], Person] = Recent(MOST_REMEMBERED, REMEMBERED)

    async def author(
        self, workspace: Workspace, user: str, channel: str, *, anew: bool = False
    ) -> Author:
        """The person with the standing they have in the channel; a DM is their own.

        Admins and owners of the workspace manage all of it, the configured people every channel.

        `anew` asks Slack even if we remember, for what nobody may do any more who no longer may.
        Busy if Slack does not tell in time.
        """
        if anew:
            self._known.drop((workspace.key, user))
        person = await self.person(workspace, user)
        trusted = is_private(channel) or user in self._admins
        if anew and person is None and not trusted:
            raise Busy(f"Slack did not say in time who {user} is")
        name = person.name if person else user
        standing = Standing.ADMIN if trusted else Standing.MEMBER
        if person and person.manages:
            standing = Standing.OWNER
        return Author(user, name, standing, await self._groups.of(workspace, user, anew=anew))

    def locale(self, workspace: Workspace, user: str) -> str:
        """The language that the person reads Slack in, if Slack has told of late; else empty."""
        known = self._known.get((workspace.key, user))
        return known.locale if known else ""

    async def names(self, workspace: Workspace, users: Iterable[str]) -> dict[str, str]:
        """The names that could be found."""
        asked = [user for user in users if user != workspace.bot_user][:MOST_NAMES]
        found = await asyncio.gather(*(self.person(workspace, user) for user in asked))
        names = {user: person.name for user, person in zip(asked, found, strict=True) if person}
        return names | {workspace.bot_user: workspace.bot_name}

    async def person(self, workspace: Workspace, user: str) -> Person | None:
        """The person; None if Slack does not tell in time."""
        key = (workspace.key, user)
        if known := self._known.get(key):
            return known
        try:
            async with asyncio.timeout(PATIENCE):
                arguments = {"user": user, "include_locale": True}
                answer = await self._api.call(workspace, PERSON, arguments, patient=False)
            found = _person(answer, user, workspace)
        except Refusal as error:
            log.info("slack.person_unknown", user=user, reason=str(error))
            found = Person(user)  # asking again would not help
        except (PlatformError, TimeoutError) as error:
            log.info("slack.person_not_told", user=user, reason=str(error))
            return None
        self._known.put(key, found)
        return found


def _person(answer: Answer, user: str, workspace: Workspace) -> Person:
    said = answer.get("user") or {}
    profile = said.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), said.get("real_name"))
    name = next((name for name in names if name), said.get("name") or user)
    roles = ("is_admin", "is_owner", "is_primary_owner")
    manages = any(said.get(role) for role in roles) and not _stranger(said, workspace)
    return Person(plain.name(str(name)) or user, manages, str(said.get("locale") or ""))


def _stranger(said: Mapping[str, Any], workspace: Workspace) -> bool:
    """Whether this is somebody of another organisation, who is here by a shared channel.

    What Slack says of their roles is about the place that they come from.
    """
    home = str(said.get("team_id") or "")
    if said.get("is_stranger") or not home or home == workspace.team:
        return bool(said.get("is_stranger"))
    grid = said.get("enterprise_user") or {}
    enterprise, team = ids_of(workspace.key)
    ours = bool(enterprise) and grid.get("enterprise_id") == enterprise
    return not (ours and (team is None or team in (grid.get("teams") or ())))
