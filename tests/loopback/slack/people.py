"""The people of this Slack: what a test lets them say and do."""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING, Any

from tests.loopback.slack import payloads
from tests.loopback.slack.dispatch import COMMAND, INTERACTIVE
from tests.loopback.slack.drafts import Draft, Event
from tests.loopback.slack.interactions import Interaction, InteractionFailedError
from tests.loopback.slack.streams import OPEN, STOPPED
from tests.loopback.slack.views import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.loopback.slack.model import Channel, Json, Message, Upload, User
    from tests.loopback.slack.world import World

BOT = re.compile(r"@bot\b")
PRESSABLE = ("button", "feedback_buttons", "icon_button")


class Person:
    """Somebody who uses Slack with a client like everybody's."""

    def __init__(self, world: World, user: User) -> None:
        self.user = user
        self._world = world

    @property
    def mention(self) -> str:
        """The markup that mentions this person."""
        return self.user.mention

    @property
    def dms(self) -> Channel:
        """Their conversation with the bot, which is also the agent's Messages tab."""
        return self._world.direct(self.user)

    @property
    def sees(self) -> list[Message]:
        """What was said to nobody else, oldest first."""
        channels = self.user.workspace.channels.values()
        found = [m for c in channels for m in c.ephemerals if m.hidden_from_all_but is self.user]
        return sorted(found, key=lambda message: message.ts)

    async def says(self, channel: Channel, text: str, *, thread: Message | None = None) -> Message:
        """Write a message, or a reply in the thread of another; `@bot` mentions the bot."""
        return self._world.post(channel, self.user, Draft(self._written(text), root=thread))

    async def shares(
        self, channel: Channel, text: str, *files: Upload, thread: Message | None = None
    ) -> Message:
        """Write a message with files."""
        draft = Draft(self._written(text), root=thread, files=list(files))
        return self._world.post(channel, self.user, draft)

    def uploads(self, name: str, content: str | bytes, mimetype: str = "text/plain") -> Upload:
        """A file of theirs, ready to be shared."""
        raw = content.encode() if isinstance(content, str) else content
        return self._world.uploads.put(self.user.workspace, name, raw, mimetype)

    async def mentions(
        self, channel: Channel, text: str, *, thread: Message | None = None
    ) -> Message:
        """Write a message that begins with a mention of the bot."""
        return await self.says(channel, f"@bot {text}", thread=thread)

    async def dm(self, text: str, *, thread: Message | None = None) -> Message:
        """Write to the bot in private."""
        return await self.says(self.dms, text, thread=thread)

    async def opens_messages_tab(self) -> Channel:
        """Open the agent where it suggests what to say."""
        await self._opens("messages")
        return self.dms

    async def opens_home_tab(self) -> None:
        """Look at the app's home."""
        await self._opens("home")

    async def edits(self, message: Message, text: str) -> None:
        """Change one of their messages."""
        self._world.rewrite(message, self._written(text))

    async def deletes(self, *messages: Message) -> None:
        """Delete messages, one after the other."""
        for message in messages:
            self._world.remove(message)

    async def deletes_file(self, message: Message, file: Upload) -> None:
        """Delete a file, which leaves a mark in the message; that does not count as an edit."""
        before = payloads.message(message)
        file.deleted = True
        self._world.changed(message, before)

    async def removes_file(self, message: Message, file: Upload) -> None:
        """Take a file out of a message, as an edit; the file itself stays."""
        before = payloads.message(message)
        message.files.remove(file)
        message.edited = True
        self._world.changed(message, before)

    async def runs_command(self, command: str, text: str, channel: Channel) -> Interaction:
        """Use a slash command and wait for the bot's acknowledgement."""
        new = self._interaction(channel, command)
        payload = self._command(command, text, channel)
        begun = await self._world.desk.begin(new, COMMAND, payload)
        if ack := begun.acknowledgement:
            self._world.desk.say(begun, ack)
        return begun

    async def submits_modal(
        self, shown: Interaction | View, values: Mapping[str, Any]
    ) -> Interaction:
        """Fill in a form that the bot has shown, fields named by label, action or block.

        The interaction's `errors` are what the bot objects to, `modal` is the form then open.
        """
        view = shown if isinstance(shown, View) else await shown.wait_modal()
        view.fill(values)
        new = self._interaction(None, view.title)
        new.channel = None if isinstance(shown, View) else shown.channel
        payload = self._acting("view_submission") | {"view": view.payload(), "response_urls": []}
        submitted = await self._world.desk.begin(new, INTERACTIVE, payload)
        submitted.modal = self._world.views.obey(view, submitted.acknowledgement)
        return submitted

    async def presses(self, message: Message, action: str, value: str = "") -> Interaction:
        """Press a button, by its action id or label; `value` chooses thumbs up or down."""
        button = _button(message.blocks, action)
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel.id,
            "is_ephemeral": message.ephemeral,
        }
        if message.root is not None:
            container["thread_ts"] = message.thread_ts
        payload = self._acting("block_actions") | {
            "container": container,
            "channel": {"id": message.channel.id, "name": message.channel.name},
            "state": {"values": {}},
            "actions": [_action(button, value) | {"action_ts": self._world.ids.timestamp()}],
        }
        if not message.ephemeral:  # of those Slack keeps nothing
            payload["message"] = payloads.message(message)
        new = self._interaction(message.channel, action, message)
        return await self._world.desk.begin(new, INTERACTIVE, payload)

    async def presses_in(self, view: View, action: str) -> Interaction:
        """Press a button in a window."""
        button = _button(view.body["blocks"], action)
        payload = self._acting("block_actions") | {
            "container": {"type": "view", "view_id": view.id},
            "view": view.payload(),
            "actions": [_action(button, "") | {"action_ts": self._world.ids.timestamp()}],
        }
        new = self._interaction(None, action)
        new.modal = view
        return await self._world.desk.begin(new, INTERACTIVE, payload)

    async def chooses(self, message: Message, callback_id: str) -> Interaction:
        """Choose an entry of the menu of a message."""
        channel = message.channel
        payload = self._acting("message_action") | {
            "callback_id": callback_id,
            "action_ts": self._world.ids.timestamp(),
            "message_ts": message.ts,
            "channel": {"id": channel.id, "name": channel.name},
            "message": payloads.message(message),
        }
        new = self._interaction(channel, callback_id)
        return await self._world.desk.begin(new, INTERACTIVE, payload)

    async def chooses_shortcut(self, callback_id: str) -> Interaction:
        """Choose a shortcut that can be used everywhere; Slack does not tell where that was."""
        payload = self._acting("shortcut") | {
            "callback_id": callback_id,
            "action_ts": self._world.ids.timestamp(),
        }
        new = self._interaction(None, callback_id)
        return await self._world.desk.begin(new, INTERACTIVE, payload)

    async def stops(self, message: Message) -> None:
        """Press Stop on a message that is streaming."""
        from tests.loopback.slack.interactions import InteractionFailedError

        stream = message.stream
        if stream is None or stream.state != OPEN:
            raise InteractionFailedError("nothing is streaming here")
        if "agent_session_stopped" not in self._world.app.events:
            raise InteractionFailedError("the Stop button does nothing")
        stream.ended = STOPPED
        body = {
            "type": "agent_session_stopped",
            "channel": message.channel.id,
            "thread_ts": message.thread_ts,
            "streaming_message_ts": [message.ts],
            "user": self.user.id,
            "event_ts": self._world.ids.timestamp(),
        }
        self._world.tell(Event(self.user.workspace, "agent_session_stopped", body, message))

    async def approves(self, authorize_url: str) -> str:
        """Allow the app on the page behind this URL; the URL to which Slack then leads back."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(authorize_url).query))
        granted = {scope for scope in query.get("scope", "").split(",") if scope}
        code = self._world.grants.issue(self.user, query, granted)
        back = urllib.parse.urlencode({"code": code, "state": query.get("state", "")})
        return f"{query.get('redirect_uri', '')}?{back}"

    async def uninstalls_app(self) -> None:
        """Take the app out of the workspace."""
        self._world.uninstall(self.user.workspace)

    async def _opens(self, tab: str) -> None:
        body = {
            "type": "app_home_opened",
            "user": self.user.id,
            "channel": self.dms.id,
            "tab": tab,
            "event_ts": self._world.ids.timestamp(),
        }
        self._world.tell(Event(self.user.workspace, "app_home_opened", body))

    def _interaction(
        self, channel: Channel | None, name: str, source: Message | None = None
    ) -> Interaction:
        return Interaction(self._world.desk, self, channel, name, source)

    def _written(self, text: str) -> str:
        return BOT.sub(self.user.workspace.bot.mention, text)

    def _command(self, command: str, text: str, channel: Channel) -> Json:
        workspace = self.user.workspace
        payload = {
            "token": self._world.app.verification_token,
            "team_id": workspace.id,
            "team_domain": workspace.id.lower(),
            "channel_id": channel.id,
            "channel_name": "directmessage" if channel.private else channel.name,
            "user_id": self.user.id,
            "user_name": self.user.name.lower(),
            "command": command,
            "text": text,
            "api_app_id": self._world.app.id,
            "is_enterprise_install": "true" if workspace.org_wide else "false",
        }
        if workspace.enterprise_id:
            payload |= {"enterprise_id": workspace.enterprise_id, "enterprise_name": "Enterprise"}
        return payload

    def _acting(self, kind: str) -> Json:
        workspace = self.user.workspace
        enterprise = {"id": workspace.enterprise_id, "name": "Enterprise"}
        return {
            "type": kind,
            "token": self._world.app.verification_token,
            "api_app_id": self._world.app.id,
            "team": {"id": workspace.id, "domain": workspace.id.lower()},
            "enterprise": enterprise if workspace.enterprise_id else None,
            "is_enterprise_install": workspace.org_wide,
            "user": {
                "id": self.user.id,
                "username": self.user.name.lower(),
                "name": self.user.name.lower(),
                "team_id": workspace.id,
            },
        }


def _button(blocks: list[Json], action: str) -> Json:
    for block in blocks:
        for element in [*block.get("elements", []), block.get("accessory") or {}]:
            label = (element.get("text") or {}).get("text", "")
            if element.get("type") in PRESSABLE and (
                action in (element.get("action_id"), label) or label.endswith(f" {action}")
            ):
                return dict(element) | {"block_id": block.get("block_id", "b")}
    raise InteractionFailedError(f"no button {action!r} in {blocks}")


def _action(button: Json, value: str) -> Json:
    action = {name: button[name] for name in ("type", "action_id", "block_id")}
    if button["type"] == "feedback_buttons":
        choices = [button["positive_button"], button["negative_button"]]
        chosen = next((c for c in choices if c["value"] == value), choices[0])
        return action | {"value": chosen["value"], "text": chosen["text"]}
    return action | {"value": value or button.get("value", ""), "text": button.get("text")}
