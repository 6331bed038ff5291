"""The user groups of a workspace, which are what people can name as roles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from adapters.slack.api import Answer, Api
from adapters.slack.budget import GROUPS
from adapters.slack.failures import Refusal, Told
from adapters.slack.workspaces import Workspace
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

REMEMBERED = 300.0
PATIENCE = 0.7
"""Seconds; an event has to be acknowledged within three."""


@dataclass(frozen=True, slots=True)
class Known:
    """The groups of each person, until when they are not asked for again."""

    until: float
    groups: dict[str, tuple[str, ...]]


class Groups:
    """Asks for all groups of a workspace at once, every few minutes at most.

    Where Slack does not tell, what it told last still holds.
    """

    def __init__(
        self, api: Api, told: Told, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._told = told
        self._clock = clock
        self._known: dict[str, Known] = {}

    async def of(self, workspace: Workspace, user: str) -> tuple[str, ...]:
        """The ids of the groups that a person is in."""
        known = self._known.get(workspace.key, Known(-1.0, {}))
        if known.until <= self._clock():
            known = await self._asked(workspace, known)
            self._known[workspace.key] = known
        return known.groups.get(user, ())

    async def _asked(self, workspace: Workspace, known: Known) -> Known:
        groups = known.groups
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._api.call(
                    workspace, GROUPS, {"include_users": True}, patient=False
                )
            groups = _by_person(answer)
        except Refusal as error:
            if self._told.first(GROUPS, workspace.key):
                log.warning("slack.groups_unknown", workspace=workspace.key, reason=str(error))
        except (PlatformError, TimeoutError) as error:
            log.info("slack.groups_not_told", workspace=workspace.key, reason=str(error))
        return Known(self._clock() + REMEMBERED, groups)


def _by_person(answer: Answer) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in answer.get("usergroups") or ():
        for user in group.get("users") or ():
            found[user] = (*found.get(user, ()), str(group["id"]))
    return found
