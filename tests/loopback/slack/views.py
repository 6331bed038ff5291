"""Modals and home tabs: shown by the bot, filled in by a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.loopback.slack.elements import LONGEST_INPUT, filled, refuses, state_of, wrong_elements
from tests.loopback.slack.errors import ApiError
from tests.loopback.slack.interactions import InteractionFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.interactions import Desk
    from tests.loopback.slack.model import Json
    from tests.loopback.slack.people import Person
    from tests.loopback.slack.world import World

LONGEST_TITLE, LONGEST_METADATA, MOST_BLOCKS, DEEPEST = 24, 3000, 100, 3

NOT_IN_WINDOWS = ("markdown", "context_actions")


@dataclass(eq=False)
class View:
    """A form as it is shown to one person."""

    id: str
    person: Person
    body: Json
    hash: str
    below: View | None = None
    open: bool = True
    values: Json = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What stands at its head."""
        return str(self.body["title"]["text"])

    @property
    def inputs(self) -> list[Json]:
        """Its input blocks."""
        return [block for block in self.body.get("blocks", []) if block["type"] == "input"]

    def payload(self) -> Json:
        """The view as Slack describes it."""
        user = self.person.user
        workspace = user.workspace
        return {
            "id": self.id,
            "team_id": workspace.id,
            "type": self.body["type"],
            "blocks": self.body.get("blocks", []),
            "title": self.body.get("title"),
            "submit": self.body.get("submit"),
            "close": self.body.get("close"),
            "callback_id": self.body.get("callback_id", ""),
            "private_metadata": self.body.get("private_metadata", ""),
            "external_id": self.body.get("external_id", ""),
            "clear_on_close": False,
            "notify_on_close": bool(self.body.get("notify_on_close")),
            "state": {"values": self.values},
            "hash": self.hash,
            "previous_view_id": self.below.id if self.below else None,
            "root_view_id": self.root.id,
            "app_id": workspace.world.app.id,
            "app_installed_team_id": workspace.id,
            "bot_id": workspace.bot.bot_id,
        }

    @property
    def root(self) -> View:
        """The lowest form of the pile."""
        return self.below.root if self.below else self

    def fill(self, values: Mapping[str, Any]) -> None:
        """Write into the fields, named by label, action or block, as far as the client lets one."""
        left = dict(values)
        for block in self.inputs:
            element = block["element"]
            names = (block["label"]["text"], element.get("action_id"), block.get("block_id"))
            typed = next((left.pop(name) for name in names if name in left), None)
            state = state_of(element, typed)
            _check_value(block, filled(state))
            self.values[block["block_id"]] = {element["action_id"]: state}
        if left:
            raise InteractionFailedError(f"the form {self.title!r} has no field {sorted(left)}")


class Views:
    """The views methods."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world = world
        self._desk = desk
        self._views: dict[str, View] = {}
        self._homes: dict[str, View] = {}

    def methods(self) -> Answers:
        """Its methods by name."""
        return {
            "views.open": self.open,
            "views.push": self.push,
            "views.update": self.update,
            "views.publish": self.publish,
        }

    def open(self, call: Call) -> Json:
        """Show a form to who has just begun something."""
        body = _checked(call.args.get("view"), "modal")
        interaction = self._desk.redeem(call.text("trigger_id"))
        view = self.show(interaction.person, body)
        interaction.modal = view
        self._world.changes.announce()
        return {"view": view.payload()}

    def push(self, call: Call) -> Json:
        """Put a form upon the one that is open."""
        body = _checked(call.args.get("view"), "modal")
        interaction = self._desk.redeem(call.text("trigger_id"))
        view = self.show(interaction.person, body, below=interaction.modal)
        if _depth(view) > DEEPEST:
            raise ApiError("push_limit_reached")
        interaction.modal = view
        self._world.changes.announce()
        return {"view": view.payload()}

    def update(self, call: Call) -> Json:
        """Change a form that is open."""
        view = self._views.get(call.args.get("view_id", ""))
        if view is None or not view.open:
            raise ApiError("not_found")
        if call.args.get("hash", view.hash) != view.hash:
            raise ApiError("hash_conflict")
        self.change(view, _checked(call.args.get("view"), "modal"))
        return {"view": view.payload()}

    def publish(self, call: Call) -> Json:
        """Set somebody's home tab."""
        user = call.workspace.users.get(call.text("user_id"))
        if user is None:
            raise ApiError("invalid_arguments")
        body = _checked(call.args.get("view"), "home")
        view = self._homes[user.id] = self.show(self._world.person(user), body)
        self._world.changes.announce()
        return {"view": view.payload()}

    def show(self, person: Person, body: Json, *, below: View | None = None) -> View:
        """A new form on somebody's screen."""
        view_id = self._world.ids.next("V")
        view = View(view_id, person, body, self._world.ids.timestamp(), below)
        self._views[view.id] = view
        return view

    def change(self, view: View, body: Json) -> None:
        """Another content for the same form."""
        view.body, view.hash, view.values = body, self._world.ids.timestamp(), {}
        _name_blocks(body)
        self._world.changes.announce()

    def obey(self, view: View, ack: Json | None) -> View | None:
        """Do what the app answers to a submission, and return the form that is then open."""
        action = (ack or {}).get("response_action")
        if action == "errors":
            return view
        if action == "update":
            self.change(view, _checked((ack or {}).get("view"), "modal"))
            return view
        if action == "push":
            return self.show(view.person, _checked((ack or {}).get("view"), "modal"), below=view)
        view.open = False
        self._world.changes.announce()
        return None if action == "clear" else view.below


def _depth(view: View | None) -> int:
    return 1 + _depth(view.below) if view else 0


def _checked(body: Json | None, kind: str) -> Json:
    """Slack's limits on forms, as far as forms with text fields meet them."""
    if not isinstance(body, dict) or body.get("type") != kind:
        raise ApiError("invalid_arguments")
    wrong = [] if kind == "home" else _wrong_titles(body)
    blocks = body.get("blocks", [])
    if len(blocks) > MOST_BLOCKS:
        wrong.append("too many blocks")
    if len(body.get("private_metadata", "")) > LONGEST_METADATA:
        wrong.append("private_metadata is too long")
    for block in blocks:
        element = block.get("element", {})
        if len(element.get("initial_value") or "") > LONGEST_INPUT:
            wrong.append("initial_value is too long")
        if element.get("max_length", 1) > LONGEST_INPUT:
            wrong.append("max_length is more than a field takes")
    wrong += wrong_elements(blocks, {})
    wrong += [f"no {b['type']} in windows" for b in blocks if b["type"] in NOT_IN_WINDOWS]
    if wrong:
        raise ApiError("invalid_arguments", response_metadata={"messages": wrong})
    _name_blocks(body)
    return body


def _wrong_titles(body: Json) -> list[str]:
    wrong = [
        f"{name} is too long"
        for name in ("title", "submit", "close")
        if len((body.get(name) or {}).get("text", "")) > LONGEST_TITLE
    ]
    has_input = any(block.get("type") == "input" for block in body.get("blocks", []))
    if "title" not in body or (has_input and "submit" not in body):
        wrong.append("title or submit is missing")
    return wrong


def _name_blocks(body: Json) -> None:
    """Slack names what the app has left without a name."""
    for number, block in enumerate(body.get("blocks", [])):
        block.setdefault("block_id", f"b{number}")
        if "element" in block:
            block["element"].setdefault("action_id", f"a{number}")


def _check_value(block: Json, value: str | list[Json] | None) -> None:
    label = block["label"]["text"]
    if not value:
        if not block.get("optional"):
            raise InteractionFailedError(f"{label!r} must be filled in")
        return
    if isinstance(value, str) and (why := refuses(block["element"], value)):
        raise InteractionFailedError(f"{label!r} {why}")
