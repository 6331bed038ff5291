"""The user groups of a workspace, which are what people can name as roles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from adapters.slack.api import Answer, Api
from adapters.slack.budget import GROUPS
from adapters.slack.failures import Refusal, Told
from adapters.slack.workspaces import Workspace
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

REMEMBERED = 300.0
SOON = 10.0
"""Seconds until Slack is asked again after it could not tell."""
PATIENCE = 0.7
"""Seconds; an event has to be acknowledged within three."""


@dataclass(frozen=True, slots=True)
class Known:
    """The groups of each person, until when they are not asked for again."""

    until: float
    groups: dict[str, tuple[str, ...]]
    refused: bool = False
    """Whether Slack tells this bot nothing: then nobody has it asked before the time."""


class Groups:
    """Asks for all groups of a workspace at once, every few minutes at most.

    Where Slack does not tell, what it told last still holds. What it tells too late for one message
    is there for the next: who is denied by a group is not let in for minutes.
    """

    def __init__(
        self,
        api: Api,
        told: Told,
        in_background: Callable[[Coroutine[Any, Any, None]], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._told = told
        self._in_background = in_background
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._asking: dict[str, asyncio.Event] = {}

    async def of(self, workspace: Workspace, user: str, *, anew: bool = False) -> tuple[str, ...]:
        """The ids of the groups that a person is in; `anew` asks even if we remember."""
        known = self._known.get(workspace.key)
        anew = anew and not (known and known.refused)
        if anew or known is None or known.until <= self._clock():
            await self._told_in_time(workspace, wait=anew or not (known and known.groups))
        known = self._known.get(workspace.key)
        return known.groups.get(user, ()) if known else ()

    async def _told_in_time(self, workspace: Workspace, *, wait: bool) -> None:
        """Ask; or, only if told to `wait`, wait for what was asked before."""
        answered = self._asking.get(workspace.key)
        if answered is None:
            answered = self._asking[workspace.key] = asyncio.Event()
            self._in_background(self._ask(workspace, answered))
        elif not wait:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await answered.wait()
        except TimeoutError:
            log.info("slack.groups_not_told", workspace=workspace.key, reason="not yet")

    async def _ask(self, workspace: Workspace, answered: asyncio.Event) -> None:
        known = self._known.get(workspace.key)
        groups, lasts, refused = known.groups if known else {}, SOON, False
        try:
            answer = await self._api.call(workspace, GROUPS, {"include_users": True}, patient=False)
            groups, lasts = _by_person(answer), REMEMBERED
        except Refusal as error:
            lasts, refused = REMEMBERED, True
            if self._told.first(GROUPS, workspace.key):
                log.warning("slack.groups_unknown", workspace=workspace.key, reason=str(error))
        except (PlatformError, TimeoutError) as error:
            log.info("slack.groups_not_told", workspace=workspace.key, reason=str(error))
        except Exception:  # what nobody foresaw does not come again with every message
            log.exception("slack.groups_unreadable", workspace=workspace.key)
        finally:
            self._known[workspace.key] = Known(self._clock() + lasts, groups, refused)
            del self._asking[workspace.key]
            answered.set()


def _by_person(answer: Answer) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in answer.get("usergroups") or ():
        for user in group.get("users") or ():
            found[user] = (*found.get(user, ()), str(group["id"]))
    return found
