"""The app's manifest, against Slack's own schema where it is at hand."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from adapters.slack.manifest import EVENTS, SCOPES, manifest
from bot.control.commands import COMMANDS
from tests.conftest import outside

PUBLIC = "https://quipu.example.org"
KINDS: dict[str, dict[str, Any]] = {
    "socket": {},
    "http": {"http": PUBLIC},
    "many": {"install": PUBLIC},
    "many over http": {"http": PUBLIC, "install": PUBLIC},
    "named": {"name": "Ask me"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_is_as_slack_describes_it(kind: str) -> None:
    schema = outside("QUIPU_TEST_SLACK_MANIFEST_SCHEMA").read_text(encoding="utf-8")
    jsonschema.validate(manifest(**KINDS[kind]), json.loads(schema))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest() | {"features": {"agent": {}}}, json.loads(schema))


def test_over_socket_mode_the_app_names_no_address() -> None:
    made = manifest()
    assert made["settings"]["socket_mode_enabled"] is True
    assert "http" not in json.dumps(made)


def test_over_http_every_request_goes_to_one_address() -> None:
    made = manifest(http=f"{PUBLIC}/")
    events = f"{PUBLIC}/slack/events"
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["settings"]["event_subscriptions"]["request_url"] == events
    assert made["settings"]["interactivity"]["request_url"] == events
    assert made["features"]["slash_commands"][0]["url"] == events


def test_installations_come_back_to_us_also_over_socket_mode() -> None:
    made = manifest(install=PUBLIC)
    assert made["oauth_config"]["redirect_urls"] == [f"{PUBLIC}/slack/oauth_redirect"]
    assert made["settings"]["socket_mode_enabled"] is True
    assert made["settings"]["org_deploy_enabled"] is True


def test_the_app_is_an_agent_of_the_new_kind_with_scopes_and_events() -> None:
    made = manifest(name="Ask me")
    assert "agent_view" in made["features"]
    assert "assistant_view" not in made["features"]
    assert made["features"]["app_home"]["messages_tab_read_only_enabled"] is False
    assert made["features"]["bot_user"]["display_name"] == "Ask me"
    assert made["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert made["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)


def test_the_command_and_its_shortcuts_are_those_of_the_table() -> None:
    features = manifest()["features"]
    [command] = features["slash_commands"]
    assert command["usage_hint"].split(" | ") == [each.name for each in COMMANDS]
    assert command["should_escape"] is True
    menus = {each["callback_id"]: each["type"] for each in features["shortcuts"]}
    expected = {f"quipu:{each.key}": "message" for each in COMMANDS if each.menu}
    assert menus == expected | {"quipu:settings": "global"}


def test_every_kind_of_message_event_has_its_scope() -> None:
    kinds = {"channels": "channels", "groups": "groups", "im": "im", "mpim": "mpim"}
    for event, scope in kinds.items():
        assert (f"message.{event}" in EVENTS) == (f"{scope}:history" in SCOPES)
