"""What the app may look up: itself, people, conversations and what was said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.loopback.slack import payloads
from tests.loopback.slack.errors import ApiError
from tests.loopback.slack.scopes import HISTORY, READ

if TYPE_CHECKING:
    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.model import Json, Message
    from tests.loopback.slack.world import World


class Directory:
    """Lookups, and the reactions that the bot leaves on messages."""

    def __init__(self, world: World) -> None:
        self._world = world

    def methods(self) -> Answers:
        """Its methods by name."""
        return {
            "auth.test": self.whoami,
            "bots.info": self.bot,
            "conversations.history": self.history,
            "conversations.info": self.conversation,
            "conversations.open": self.open,
            "conversations.replies": self.replies,
            "reactions.add": self.react,
            "reactions.remove": self.unreact,
            "team.info": self.team,
            "usergroups.list": self.groups,
            "users.conversations": self.memberships,
            "users.info": self.user,
        }

    def whoami(self, call: Call) -> Json:
        """Whose token it is."""
        workspace = call.workspace
        body: Json = {
            "url": f"https://{workspace.id.lower()}.slack.com/",
            "team": workspace.name,
            "user": workspace.bot.name.lower(),
            "team_id": workspace.id,
            "user_id": workspace.bot.id,
            "bot_id": workspace.bot.bot_id,
            "is_enterprise_install": workspace.org_wide,
        }
        if workspace.enterprise_id:
            body["enterprise_id"] = workspace.enterprise_id
        return body

    def bot(self, call: Call) -> Json:
        """A bot user."""
        wanted = call.args.get("bot") or call.workspace.bot.bot_id
        for user in call.workspace.users.values():
            if user.bot_id == wanted:
                return {
                    "bot": {
                        "id": user.bot_id,
                        "deleted": False,
                        "name": user.name,
                        "app_id": self._world.app.id,
                        "user_id": user.id,
                    }
                }
        raise ApiError("bot_not_found")

    def user(self, call: Call) -> Json:
        """A person."""
        user = call.workspace.users.get(call.text("user"))
        if user is None:
            raise ApiError("user_not_found")
        locale = {"locale": user.locale} if call.flag("include_locale") else {}
        return {"user": payloads.user(user) | locale}

    def team(self, call: Call) -> Json:
        """The workspace."""
        workspace = call.workspace
        body = {
            "id": workspace.id,
            "name": workspace.name,
            "domain": workspace.id.lower(),
            "url": f"https://{workspace.id.lower()}.slack.com/",
        }
        if workspace.enterprise_id:
            body |= {"enterprise_id": workspace.enterprise_id, "enterprise_name": "Enterprise"}
        return {"team": body}

    def groups(self, call: Call) -> Json:
        """All user groups, with who is in them if that is asked for."""
        found = call.workspace.groups
        if not call.flag("include_users"):
            return {"usergroups": [{"id": group} for group in found]}
        ids = {group: sorted(user.id for user in users) for group, users in found.items()}
        return {"usergroups": [{"id": group, "users": users} for group, users in ids.items()]}

    def conversation(self, call: Call) -> Json:
        """A channel or DM."""
        channel = call.channel()
        call.need(READ[channel.kind])
        return {"channel": payloads.channel(channel)}

    def memberships(self, call: Call) -> Json:
        """The conversations that the bot is in, of the kinds that are asked for."""
        kinds = str(call.args.get("types") or "public_channel").split(",")
        for kind in kinds:
            call.need(READ[kind])
        here = call.workspace.channels.values()
        found = [payloads.channel(each) for each in here if each.bot_is_in and each.kind in kinds]
        return {"channels": found[: int(call.args.get("limit") or 100)]}

    def open(self, call: Call) -> Json:
        """A DM, new or old."""
        if channel_id := call.args.get("channel"):
            channel = call.workspace.channels.get(channel_id)
            if channel is None or not channel.private:
                raise ApiError("channel_not_found")
        else:
            person = call.workspace.users.get(call.text("users"))
            if person is None:
                raise ApiError("user_not_found")
            channel = self._world.direct(person)
        whole = call.flag("return_im")
        return {"channel": payloads.channel(channel) if whole else {"id": channel.id}}

    def history(self, call: Call) -> Json:
        """What was said outside threads, newest first."""
        channel = call.joined()
        call.need(HISTORY[channel.kind])
        found = [m for m in reversed(channel.messages) if m.root is None]
        return _page(call, [m for m in found if _between(call, m)], 100)

    def replies(self, call: Call) -> Json:
        """A thread with its head, oldest first."""
        channel = call.joined()
        call.need(HISTORY[channel.kind])
        head = channel.store.get(call.text("ts"))
        if head is None:
            raise ApiError("thread_not_found")
        found = [head] if head.root else [head, *channel.thread(head)]
        return _page(call, [m for m in found if m is head or _between(call, m)], 1000)

    def react(self, call: Call) -> Json:
        """Leave an emoji on a message."""
        message = call.message(call.joined(), "timestamp")
        if call.text("name") in message.reactions:
            raise ApiError("already_reacted")
        message.reactions.add(call.text("name"))
        self._world.changes.announce()
        return {}

    def unreact(self, call: Call) -> Json:
        """Take it away."""
        message = call.message(call.joined(), "timestamp")
        if call.text("name") not in message.reactions:
            raise ApiError("no_reaction")
        message.reactions.discard(call.text("name"))
        self._world.changes.announce()
        return {}


def _between(call: Call, message: Message) -> bool:
    ts, including = float(message.ts), call.flag("inclusive")
    oldest = float(call.args.get("oldest") or 0)
    latest = float(call.args.get("latest") or "inf")
    return oldest < ts < latest or (including and ts in (oldest, latest))


def _page(call: Call, found: list[Message], standard: int) -> Json:
    try:
        start, size = int(call.args.get("cursor") or 0), int(call.args.get("limit") or standard)
    except ValueError:
        raise ApiError("invalid_cursor") from None
    page, more = found[start : start + size], len(found) > start + size
    hidden = call.flag("include_all_metadata")
    shown = [payloads.stored(message, all_metadata=hidden) for message in page]
    body: Json = {"messages": shown, "has_more": more}
    if more:
        body["response_metadata"] = {"next_cursor": str(start + size)}
    return body
