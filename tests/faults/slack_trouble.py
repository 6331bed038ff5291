"""How to break the loopback Slack."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.contract.slack_stage import Spot
from tests.faults.trouble import Request
from tests.loopback.faults import Faults
from tests.loopback.slack import SlackServer
from tests.loopback.slack import chat as slack_chat
from tests.loopback.slack import streaming as slack_streaming

EVER = 1_000_000
WRITING = r"chat\.(postMessage|update|startStream|appendStream|stopStream)$"
POSTING = r"chat\.(postMessage|startStream)$"
# A request that was slow of itself may have made of a stream what goes on by edits.
MOMENTS = {
    "begin": ("POST", POSTING),
    "grow": ("POST", r"chat\.(appendStream|update)$"),
    "end": ("POST", r"chat\.(stopStream|update)$"),
}


class SlackTrouble:
    """Faults of calls, of membership and tokens, and of the order of events."""

    moments: Mapping[str, Request] = MOMENTS
    history: Request = ("POST", r"conversations\.history$")

    def __init__(self, server: SlackServer) -> None:
        self.server = server

    @property
    def faults(self) -> Faults:
        return self.server.faults

    def closings(self) -> Mapping[str, Callable[[Spot], None]]:
        return {
            "the channel is deleted": self._delete,
            "the bot is thrown out": self._throw_out,
            "the channel is archived": lambda _: self._refuse("is_archived"),
            "the app is uninstalled": self._uninstall,
            "the token is revoked": lambda _: self._refuse("token_revoked"),
            "the token has expired": lambda _: self._refuse("token_expired"),
            "the account is inactive": lambda _: self._refuse("account_inactive"),
        }

    def forbid_posting(self, where: Spot) -> None:  # noqa: ARG002 - there is one channel only
        self.faults.fail("POST", POSTING, error="restricted_action", times=EVER)

    def delete_answer(self, where: Spot) -> None:
        self.server.world.remove(where.channel.from_bot[-1])

    def fix_answer(self, where: Spot, error: str, *, lasting: bool = False) -> None:
        answer = where.channel.from_bot[-1]
        answer.fixed, answer.lasting = error, lasting

    def shrink(self, patch: pytest.MonkeyPatch, characters: int) -> None:
        patch.setattr(slack_chat, "LONGEST_MARKDOWN", characters)
        patch.setattr(slack_streaming, "LONGEST_MARKDOWN", characters)

    def skew(self, ahead: float) -> None:
        self.server.world.ids.ahead = ahead

    def hold_events(self) -> None:
        self.server.dispatch.hold()

    async def release_events(self, *, reverse: bool = False) -> None:
        # Over two lines nothing keeps its order, so that it has to be waited for.
        await self.server.dispatch.release_in_turn(reverse=reverse)

    def _refuse(self, error: str) -> None:
        self.faults.fail("POST", WRITING, error=error, times=EVER)

    def _delete(self, where: Spot) -> None:
        del where.channel.workspace.channels[where.channel.id]

    def _throw_out(self, where: Spot) -> None:
        where.channel.bot_is_in = False

    def _uninstall(self, where: Spot) -> None:
        where.channel.workspace.installed = False
