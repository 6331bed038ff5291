"""User groups as roles."""

from __future__ import annotations

import pytest

from adapters.slack import groups
from adapters.slack.groups import REMEMBERED, SOON
from tests.loopback.changes import PATIENCE
from tests.loopback.slack import SlackServer
from tests.slack.stage import Stage, connected


async def test_a_message_says_which_groups_its_author_is_in(live: Stage) -> None:
    weavers, dyers = live.workspace.group(live.ann), live.workspace.group(live.ann, live.mia)
    await live.ann.mentions(live.channel, "hi")
    await live.mia.mentions(live.channel, "hi")
    roles = {inbound.author.name: inbound.author.roles for inbound in await live.heard(2)}
    assert roles == {"Ann": (weavers, dyers), "Mia": (dyers,)}
    assert len(live.called("usergroups.list")) == 1


async def test_for_a_command_that_not_everybody_may_give_the_groups_are_asked_anew(
    live: Stage,
) -> None:
    await live.ann.mentions(live.channel, "hi")
    await live.heard()
    weavers = live.workspace.group(live.ann)
    await live.ann.runs_command("/quipu", "usage", live.channel)
    await live.ann.runs_command("/quipu", "persona clear", live.channel)
    live.server.faults.fail("POST", "usergroups.list", status=500)
    await live.ann.runs_command("/quipu", "persona clear", live.channel)
    assert [call.author.roles for call in live.control.calls] == [(), (weavers,), (weavers,)]
    assert len(live.called("usergroups.list")) == 3


async def test_what_slack_told_last_holds_while_it_does_not_tell(
    slack_server: SlackServer,
) -> None:
    async with connected(slack_server) as stage:
        weavers = stage.workspace.group(stage.ann)
        await stage.ann.dm("hi")
        await stage.heard()
        slack_server.clock.advance(REMEMBERED + 1)
        slack_server.faults.fail("POST", "usergroups.list", status=500)
        await stage.ann.dm("still?")
        assert [inbound.author.roles for inbound in await stage.heard(2)] == [(weavers,)] * 2
        assert len(stage.called("usergroups.list")) == 2


async def test_what_slack_tells_too_late_for_a_message_is_there_for_the_next(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "PATIENCE", 0.1)
    weavers = live.workspace.group(live.ann)
    late = live.server.faults.hold("POST", "usergroups.list")
    await live.ann.dm("hi")
    assert (await live.heard())[0].author.roles == ()
    late.release()
    monkeypatch.setattr(groups, "PATIENCE", PATIENCE)
    await live.ann.dm("and now?")
    assert (await live.heard(2))[1].author.roles == (weavers,)
    assert len(live.called("usergroups.list")) == 1


async def test_slack_is_asked_again_soon_after_it_could_not_tell(live: Stage) -> None:
    weavers = live.workspace.group(live.ann)
    live.server.faults.fail("POST", "usergroups.list", status=500)
    for number in (1, 2):
        await live.ann.dm("hi")
        assert (await live.heard(number))[-1].author.roles == ()
    assert len(live.called("usergroups.list")) == 1
    live.server.clock.advance(SOON + 1)
    await live.ann.dm("and now?")
    assert (await live.heard(3))[-1].author.roles == (weavers,)


async def test_slack_is_not_asked_with_every_message_after_an_answer_that_makes_no_sense(
    live: Stage,
) -> None:
    weavers = live.workspace.group(live.ann)
    nonsense = '{"ok": true, "usergroups": [{"users": ["U1"]}]}'
    live.server.faults.garble("POST", "usergroups.list", nonsense)
    for number in (1, 2):
        await live.ann.dm("hi")
        assert (await live.heard(number))[-1].author.roles == ()
    assert len(live.called("usergroups.list")) == 1
    live.server.clock.advance(SOON + 1)
    await live.ann.dm("and now?")
    assert (await live.heard(3))[-1].author.roles == (weavers,)


async def test_without_the_scope_nobody_is_in_a_group(live: Stage) -> None:
    live.workspace.scopes.discard("usergroups:read")
    live.workspace.group(live.ann)
    for _ in range(2):
        await live.ann.runs_command("/quipu", "persona clear", live.channel)
        assert live.control.last.author.roles == ()
    for number in (1, 2):
        await live.ann.dm("hi")
        assert (await live.heard(number))[-1].author.roles == ()
    assert len(live.called("usergroups.list")) == 1
