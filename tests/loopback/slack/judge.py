"""Slack's own description of its methods and events, as the judge of what reaches us."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.loopback.slack.errors import EVERYWHERE

if TYPE_CHECKING:
    from tests.loopback.slack.model import Json

METHODS, EVENTS = "QUIPU_TEST_SLACK_METHODS", "QUIPU_TEST_SLACK_EVENTS"
# Slack documents these as strings of JSON, and takes them as JSON where the body is JSON.
NESTED = ("attachments", "blocks", "metadata", "unfurled_attachments")
SAMPLES = {
    "app_home_opened": "AppHomeOpened",
    "app_mention": "AppMention",
    "app_uninstalled": "AppUninstalled",
    "message": "Message",
    "message/message_changed": "MessageChanged",
    "message/message_deleted": "MessageDeleted",
    "tokens_revoked": "TokensRevoked",
}


# The samples of shared files show these; the other samples were made of messages without files.
UNSAMPLED = {"files": [], "upload": False}


class MethodJudge:
    """Checks the arguments of calls, and the errors that this server gives."""

    def __init__(self, path: Path) -> None:
        self._methods: Json = json.loads(path.read_text(encoding="utf-8"))
        self._validators: dict[str, Draft202012Validator] = {}

    def violations(self, method: str, args: Json) -> list[str]:
        """What is wrong with a call, in words; nothing, if it is as described."""
        described = self._methods.get(method)
        if described is None:
            return []
        if method not in self._validators:
            self._validators[method] = Draft202012Validator(described["args"])
        properties = described["args"]["properties"]
        # The SDK puts the team into every call that Bolt makes, and Slack does not mind.
        given = {n: v for n, v in args.items() if n != "team_id" or n in properties}
        typed = {name: _typed(name, v, properties.get(name, {})) for name, v in given.items()}
        error = best_match(self._validators[method].iter_errors(typed))
        return [f"{method} at {error.json_path}: {error.message}"] if error else []

    def misstatements(self, method: str, answer: Json) -> list[str]:
        """Where Slack does not know an error that this server gives."""
        error = answer.get("error")
        described = self._methods.get(method)
        if error is None or described is None or error in {*EVERYWHERE, *described["errors"]}:
            return []
        return [f"{method} does not answer {error}"]


class EventJudge:
    """Checks that the events of this server have no keys that Slack's do not have."""

    def __init__(self, path: Path) -> None:
        self._samples: Json = json.loads(path.read_text(encoding="utf-8"))
        self._outer = {key for sample in self._samples.values() for key in sample}

    def misstatements(self, payload: Json) -> list[str]:
        """Keys that Slack does not send, by where they are."""
        event = payload["event"]
        kind = "/".join(filter(None, (event["type"], event.get("subtype", ""))))
        found = [f"event {kind}: {key}" for key in payload.keys() - self._outer]
        if kind in SAMPLES:
            sample = self._samples[SAMPLES[kind]]["event"] | UNSAMPLED
            if "message" in sample:
                sample = {name: _with_files(value) for name, value in sample.items()}
            found += [f"event {kind}: {key}" for key in _unknown(event, sample)]
        return found


def methods_at_hand() -> MethodJudge | None:
    """The judge of calls, where the environment says where the description lies."""
    described = os.environ.get(METHODS)
    return MethodJudge(Path(described)) if described else None


def events_at_hand() -> EventJudge | None:
    """The judge of events, where the environment says where the samples lie."""
    described = os.environ.get(EVENTS)
    return EventJudge(Path(described)) if described else None


def _unknown(value: Json, sample: Json) -> list[str]:
    unknown = sorted(value.keys() - sample.keys())
    for key in value.keys() & sample.keys() - {"blocks"}:
        if isinstance(value[key], dict) and isinstance(sample[key], dict):
            unknown += [f"{key}.{inner}" for inner in _unknown(value[key], sample[key])]
    return unknown


def _with_files(value: Any) -> Any:
    return value | UNSAMPLED if isinstance(value, dict) else value


def _typed(name: str, value: Any, schema: Json) -> Any:
    """An argument as the description has it; forms carry everything as text."""
    if name in NESTED and isinstance(value, (dict, list)):
        return json.dumps(value)
    kind = schema.get("type")
    if isinstance(value, str) and kind == "boolean" and value in ("true", "false", "1", "0"):
        return value in ("true", "1")
    if isinstance(value, str) and kind in ("integer", "number") and value.isdigit():
        return int(value)
    return value
