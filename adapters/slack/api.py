"""Requests to Slack's Web API: within the shared budget, timed, and their failures translated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog

from adapters.slack.budget import Budget
from adapters.slack.doctor import BAD_BOT_TOKEN
from adapters.slack.failures import REVOKED, Refusal, Told, translated
from adapters.slack.places import PLATFORM
from adapters.slack.workspaces import Workspace
from bot.errors import Throttled
from bot.operation.facts import UNOBSERVED, LimitMet, Observer

log = structlog.get_logger(__name__)

TIMEOUT = 20.0
"""Seconds that Slack may take for an answer."""

LONGEST_WAIT = 60.0
"""What has to wait for longer is better waited for by those who know until when it is worth it."""

Answer = Mapping[str, Any]


class Api:
    """Calls methods by name, for every workspace."""

    def __init__(
        self,
        budget: Budget,
        told: Told,
        *,
        timeout: float | None = None,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._observer = observer
        self.budget = budget
        self._told = told
        self._timeout = TIMEOUT if timeout is None else timeout
        self.refused: set[str] = set()
        """The workspaces whose token was refused when it was last used."""

    async def call(
        self,
        workspace: Workspace,
        method: str,
        arguments: Mapping[str, Any],
        *,
        window: str = "",
        held: bool = False,
        patient: bool = True,
    ) -> Answer:
        """Call a method once its budget allows it, or, if not `patient`, only if it does so now.

        `window` is the channel whose own limit counts too; `held` says that a slot was kept.
        Raises Throttled, Refusal, Trouble, or PlatformError where no answer came.
        """
        await self._admitted(workspace, method, window, held=held, patient=patient)
        self.budget.departed(workspace.key, method, window)
        began = time.monotonic()
        try:
            with translated(method):
                answer = await self._send(workspace, method, arguments)
        except Throttled as error:
            self._observer.note(LimitMet(PLATFORM))
            log.warning("slack.rate_limited", method=method, wait=error.retry_after)
            self.budget.refused(workspace.key, method, window, error.retry_after)
            raise
        except Refusal as error:
            self._note(workspace, method, error)
            raise
        self.refused.discard(workspace.key)
        self.budget.latency(time.monotonic() - began)
        return answer

    async def _send(
        self, workspace: Workspace, method: str, arguments: Mapping[str, Any]
    ) -> Answer:
        function = getattr(workspace.client, method.replace(".", "_"))
        async with asyncio.timeout(self._timeout):
            response = await function(**arguments)
        answer: Answer = response.data
        return answer

    async def _admitted(
        self, workspace: Workspace, method: str, window: str, *, held: bool, patient: bool
    ) -> None:
        while (
            wait := self.budget.admission(workspace.key, method, window, held=held)
        ) > 0:  # nobody is there to notify us
            if not patient or wait > LONGEST_WAIT:
                raise Throttled(f"{method}: beyond our own budget", retry_after=wait)
            await asyncio.sleep(wait)

    def _note(self, workspace: Workspace, method: str, error: Refusal) -> None:
        """Say once what the app lacks, or that its token is worth nothing any more."""
        if error.code in REVOKED:
            self.refused.add(workspace.key)
        if error.code in REVOKED and self._told.first("token", workspace.key, error.code):
            log.error(
                "slack.token_refused",
                workspace=workspace.key,
                reason=str(error),
                mend=BAD_BOT_TOKEN,
            )
        if error.code == "missing_scope" and self._told.first(workspace.key, str(error)):
            log.error(
                "slack.scope_missing",
                workspace=workspace.key,
                method=method,
                reason=str(error),
                mend="add the scope under OAuth & Permissions and reinstall the app",
            )
