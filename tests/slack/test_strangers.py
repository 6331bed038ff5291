"""People of other organisations in a shared channel: heard, and nobody's admins here."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.people import People
from adapters.slack.workspaces import Workspace
from bot.values import Standing
from tests.slack.stage import Stage

ADMIN = {"id": "U9", "name": "eve", "is_admin": True, "is_owner": True}


class Telling:
    """An Api that says of everybody the same."""

    def __init__(self, user: dict[str, Any]) -> None:
        self._user = user

    async def call(self, *_: object, **__: object) -> dict[str, Any]:
        return {"ok": True, "user": self._user}


class NoGroups:
    async def of(self, *_: object, **__: object) -> tuple[str, ...]:
        return ()


def workspace(key: str, team: str) -> Workspace:
    return Workspace(key, team, "UB", "BB", "quipu", client=None)  # type: ignore[arg-type]


def grid(enterprise: str, *teams: str) -> dict[str, Any]:
    return {"enterprise_user": {"enterprise_id": enterprise, "teams": list(teams)}}


@pytest.mark.parametrize(
    ("where", "said", "standing"),
    [
        (("T1", "T1"), {"team_id": "T1"}, Standing.OWNER),
        (("T1", "T1"), {}, Standing.OWNER),
        (("T1", "T1"), {"team_id": "T2"}, Standing.MEMBER),
        (("T1", "T1"), {"team_id": "T1", "is_stranger": True}, Standing.MEMBER),
        (("T1", "T1"), {"team_id": "T2"} | grid("E1", "T1"), Standing.MEMBER),
        (("E1.T1", "T1"), {"team_id": "T2"} | grid("E1", "T1", "T2"), Standing.OWNER),
        (("E1.T1", "T1"), {"team_id": "T2"} | grid("E1", "T2"), Standing.MEMBER),
        (("E1.T1", "T1"), {"team_id": "T2"} | grid("E2", "T1", "T2"), Standing.MEMBER),
        (("E1", ""), {"team_id": "T2"} | grid("E1", "T2"), Standing.OWNER),
    ],
)
async def test_who_manages_another_workspace_manages_nothing_here(
    where: tuple[str, str], said: dict[str, Any], standing: Standing
) -> None:
    people = People(Telling(ADMIN | said), frozenset(), NoGroups())  # type: ignore[arg-type]
    author = await people.author(workspace(*where), "U9", "C1", anew=True)
    assert author.standing is standing


async def test_an_admin_from_elsewhere_is_a_member_in_a_shared_channel(live: Stage) -> None:
    live.mia.user.home = "T0ELSEWHERE"
    await live.mia.mentions(live.channel, "hello")
    [inbound] = await live.heard()
    assert inbound.author.name == "Mia"
    assert inbound.author.standing is Standing.MEMBER
