"""What a person did in Slack – a command, a press, a menu, a form – and where an answer goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack.workspaces import Workspace

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where what comes of it can be shown to the person alone.

    `thread` is where they stand in the channel. With `replaces` the answer takes the place of the
    message that was pressed; `view` is the id of the window that is open.
    """

    workspace: Workspace
    user: str
    channel: str = ""
    thread: str = ""
    trigger: str = ""
    response_url: str = ""
    replaces: bool = False
    view: str = ""

    @classmethod
    def of_command(cls, workspace: Workspace, command: Payload) -> Occasion:
        """A slash command. Slack does not say from which thread it came."""
        return cls(
            workspace,
            user=str(command["user_id"]),
            channel=str(command["channel_id"]),
            trigger=str(command.get("trigger_id") or ""),
            response_url=str(command.get("response_url") or ""),
        )

    @classmethod
    def of_action(cls, workspace: Workspace, body: Payload) -> Occasion:
        """A press, or a choice from a message's menu or from everywhere."""
        message, container = body.get("message") or {}, body.get("container") or {}
        return cls(
            workspace,
            user=str(body["user"]["id"]),
            channel=str((body.get("channel") or {}).get("id") or ""),
            thread=str(message.get("thread_ts") or container.get("thread_ts") or ""),
            trigger=str(body.get("trigger_id") or ""),
            response_url=str(body.get("response_url") or ""),
            replaces=bool(container.get("is_ephemeral")),
            view=str((body.get("view") or {}).get("id") or ""),
        )
