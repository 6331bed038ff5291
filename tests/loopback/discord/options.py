"""Options of slash commands, with what Discord's client checks before it sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.loopback.discord import payloads
from tests.loopback.discord.interactions import InteractionFailedError
from tests.loopback.discord.model import Json

if TYPE_CHECKING:
    from tests.loopback.discord.world import World

SUBCOMMAND, GROUP = 1, 2
CHANNEL, FILE = 7, 11
# People, channels, roles and files are named by their ids.
OPTION_TYPES: dict[int, type | tuple[type, ...]] = {
    3: str,
    4: int,
    5: bool,
    6: str,
    CHANNEL: str,
    8: str,
    10: (int, float),
    FILE: str,
}


def options_of(
    definition: Json, words: list[str], values: dict[str, Any], world: World
) -> list[Json]:
    """What a client sends for a command's words and the values of its options."""
    offered = definition.get("options") or []
    if words:
        for option in offered:
            if option["name"] == words[0] and option["type"] in (SUBCOMMAND, GROUP):
                inner = options_of(option, words[1:], values, world)
                return [{"name": words[0], "type": option["type"], "options": inner}]
        raise InteractionFailedError(f"no subcommand {words[0]!r} in {definition['name']}")
    _check(definition["name"], offered, values)
    _check_channels(offered, values, world)
    kinds = {option["name"]: option["type"] for option in offered}
    return [{"name": n, "type": kinds[n], "value": value} for n, value in values.items()]


def focused(options: list[Json], name: str) -> None:
    """Mark the option that is being typed."""
    for option in options:
        focused(option.get("options", []), name)
        if option["name"] == name and "value" in option:
            option["focused"] = True


def resolved(options: list[Json], world: World) -> Json:
    """What Discord tells about the files and channels among the values."""
    found: Json = {}
    for option in options:
        value = str(option.get("value"))
        for kind, inner in resolved(option.get("options", []), world).items():
            found[kind] = found.get(kind, {}) | inner
        if option["type"] == FILE:
            found["attachments"] = {value: payloads.attachment(world.files[int(value)])}
        if option["type"] == CHANNEL:
            found["channels"] = {value: payloads.channel(world.channels[int(value)])}
    return found


def _check(command: str, offered: list[Json], values: dict[str, Any]) -> None:
    """Discord's client lets nobody send what the definition does not allow."""
    names = {option["name"] for option in offered}
    if unknown := set(values) - names:
        raise InteractionFailedError(f"{command} has no option {unknown}")
    for option in offered:
        if option["type"] in (SUBCOMMAND, GROUP):
            raise InteractionFailedError(f"{command} needs a subcommand")
        if option["name"] not in values:
            if option.get("required"):
                raise InteractionFailedError(f"{command} needs {option['name']}")
            continue
        value = values[option["name"]]
        if not isinstance(value, OPTION_TYPES.get(option["type"], object)):
            raise InteractionFailedError(f"{command}: {option['name']} cannot be {value!r}")
        _check_range(command, option, value)


def _check_channels(offered: list[Json], values: dict[str, Any], world: World) -> None:
    for option in offered:
        if option["type"] == CHANNEL and option["name"] in values:
            channel = world.channels[int(values[option["name"]])]
            if channel.kind not in option.get("channel_types", [channel.kind]):
                raise InteractionFailedError(f"{channel} is not offered for {option['name']}")


def _check_range(command: str, option: Json, value: Any) -> None:
    name = option["name"]
    if isinstance(value, str) and len(value) > option.get("max_length", 6000):
        raise InteractionFailedError(f"{command}: {name} is too long")
    choices = [choice["value"] for choice in option.get("choices", ())]
    if choices and value not in choices:
        raise InteractionFailedError(f"{command}: {name} must be one of {choices}")
    if isinstance(value, int | float):
        least, most = option.get("min_value", value), option.get("max_value", value)
        if not least <= value <= most:
            raise InteractionFailedError(f"{command}: {name} is beyond {least} to {most}")
