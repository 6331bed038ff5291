"""What Discord vouches for decides, then and once; what a payload says besides decides nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.discord.once import Once
from bot.control.commands import COMMANDS
from bot.control.response import Button, Call, Field, Form, Response
from bot.errors import Forbidden
from bot.values import Standing
from tests.discord.stage import Stage
from tests.loopback.discord.ids import EPOCH_MS
from tests.loopback.discord.interactions import COMMAND, COMPONENT, MODAL, Interaction

PERSONA = ("persona", "set")
WINDOW = next(command for command in COMMANDS if command.path == PERSONA)
MINUTE_MS = 60_000


def press(live: Stage, custom_id: str, **more: Any) -> Interaction:
    """Ann's press on a button that the bot never showed."""
    data = {"custom_id": custom_id, "component_type": 2, **more}
    return Interaction(live.server.world, COMPONENT, live.ann.user, live.channel, data)


async def after(live: Stage) -> list[Call]:
    """The calls so far, once whatever came before has been handled."""
    await live.mia.runs_command("help", live.channel)
    return [call for call in live.desk.calls if call.command != ("help",)]


async def test_an_interaction_that_comes_again_is_carried_out_once(live: Stage) -> None:
    interaction = await live.ann.runs_command("usage", live.channel)
    for _ in range(3):
        live.server.world.emit("INTERACTION_CREATE", 0, lambda _: interaction.payload())
    assert [call.command for call in await after(live)] == [("usage",)]


@pytest.mark.parametrize(("minutes", "counts"), [(14, True), (16, False), (600, False)])
async def test_an_interaction_older_than_its_token_is_not_carried_out(
    live: Stage, minutes: int, counts: bool
) -> None:
    old = press(live, Button(("usage",), "").id)
    old.id = (int(time.time() * 1000) - EPOCH_MS - minutes * MINUTE_MS) << 22
    live.server.world.interactions[old.token] = old
    live.server.world.emit("INTERACTION_CREATE", 0, lambda _: old.payload())
    assert [call.command for call in await after(live)] == [("usage",)] * counts


async def test_what_is_remembered_does_not_grow_without_end(live: Stage) -> None:
    class Seen:
        def __init__(self, number: int) -> None:
            self.id, self.user = number, live.ann.user
            self.expires_at = datetime.max.replace(tzinfo=UTC)

    once = Once(lambda: datetime.now(UTC), most=3)
    assert [once.counts(Seen(n)) for n in (1, 2, 3, 1, 4, 4, 1)] == [  # type: ignore[arg-type]
        True,
        True,
        True,
        False,
        True,
        False,
        True,
    ]


async def test_who_lost_a_role_while_a_window_was_open_cannot_send_it(live: Stage) -> None:
    async def managed(call: Call) -> Response:
        if not call.author.manages:
            raise Forbidden("no", notice="Not any more.")
        form = Form(PERSONA, "Persona", (Field(WINDOW.arguments[0], "Text"),))
        return Response("saved") if call.arguments else Response(form=form)

    live.desk.answers[PERSONA] = managed
    opened = await live.mia.runs_command("persona set", live.channel)
    live.channel.deny(live.mia.user, "manage_channels")
    sent = await live.mia.submits_modal(opened, {"Text": "I am yours."})
    assert (await sent.answer()).content == "Not any more."


async def test_permissions_and_roles_that_a_form_claims_are_only_its_words(live: Stage) -> None:
    claims = {
        "member": {"permissions": "8", "roles": [str(live.rob.user.id)]},
        "permissions": "8",
        "user": {"id": str(live.mia.user.id)},
        "guild_id": "1",
        "channel_id": str(live.mia.dms.id),
    }
    forged = press(live, Button(("usage",), "").id, **claims)
    forged.id = live.server.world.ids.next()
    payload = forged.payload()
    live.server.world.interactions[forged.token] = forged
    live.server.world.emit("INTERACTION_CREATE", 0, lambda _: payload)
    for call in await after(live):
        assert call.author.standing is Standing.MEMBER
        assert call.author.id == str(live.ann.user.id)
        assert call.place == live.place()


async def test_a_category_that_an_old_client_offers_is_refused(live: Stage) -> None:
    value = {"type": 7, "name": "channel", "value": "77"}
    deny = {"type": 1, "name": "deny", "options": [value]}
    data = {"id": "1", "type": 1, "name": "access", "options": [deny]}
    data["resolved"] = {"channels": {"77": {"id": "77", "type": 4, "name": "fibres"}}}
    typed = Interaction(live.server.world, COMMAND, live.mia.user, live.channel, data)
    typed.begin()
    assert "category" in (await typed.answer()).content
    assert live.desk.calls == []


WORDS = st.text(max_size=12) | st.sampled_from(["where", "workspace", "text", "administrator"])
PATHS = st.sampled_from([command.key for command in COMMANDS])
IDS = st.one_of(
    st.text(min_size=1, max_size=60),
    st.builds("q:{}:{}:cw:{}={}".format, PATHS, st.integers(0, 2**70), WORDS, WORDS),
    st.builds(
        "p:{}:{}:{}:{}:{}".format, st.sampled_from("cgw"), PATHS, st.integers(0, 99), PATHS, WORDS
    ),
    st.builds("n{}:q:{}::".format, st.integers(0, 10**30), PATHS),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from([COMMAND, COMPONENT, MODAL]),
    custom_id=IDS,
    value=WORDS,
    path=PATHS,
)
async def test_whatever_an_interaction_says_its_place_and_person_are_discords(
    live: Stage, kind: int, custom_id: str, value: str, path: str
) -> None:
    option = {"type": 3, "name": value or "x", "value": custom_id}
    field = {"type": 18, "component": {"type": 4, "custom_id": value, "value": custom_id}}
    kinds: dict[int, dict[str, Any]] = {
        COMMAND: {"id": "1", "type": 1, "name": path.partition(".")[0], "options": [option]},
        COMPONENT: {"custom_id": custom_id, "component_type": 3, "values": [value]},
        MODAL: {"custom_id": custom_id, "components": [field]},
    }
    before = len(live.desk.calls)
    forged = Interaction(live.server.world, kind, live.ann.user, live.channel, kinds[kind])
    forged.begin()
    await forged.wait_acknowledged()
    for call in live.desk.calls[before:]:
        assert (call.author.id, call.author.standing) == (str(live.ann.user.id), Standing.MEMBER)
        assert call.place == live.place()
