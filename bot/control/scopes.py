"""What a setting is set for: a thread, a channel or a workspace, and who may do that."""

from __future__ import annotations

from bot.control.refusal import refusal
from bot.control.response import Call
from bot.control.words import say
from bot.errors import Forbidden
from bot.values import Place, Standing

CHANNEL = "channel"


def channel_scope(place: Place) -> str:
    """The scope of the channel, also for a place in one of its threads."""
    return place.scopes[-2]


def platform_scope(place: Place) -> str:
    """What stands for all places of a platform; nothing can be set for it."""
    return f"{place.platform}:"


def scope_for(call: Call, where: str = CHANNEL) -> str:
    """The scope that is meant. Refused where there is none, Forbidden for who may not."""
    place = call.place
    if where == "thread":
        if not place.thread:
            raise refusal("control.no_thread", call.locale)
        return place.scopes[0]
    if where == "workspace":
        if place.private:
            raise refusal("control.not_in_private", call.locale)
        if call.author.standing is not Standing.OWNER:
            notice = say("control.not_an_owner", call.locale)
            raise Forbidden(f"{call.author.id} may not set the workspace", notice=notice)
        return place.scopes[-1]
    return channel_scope(place)


def visible(place: Place) -> tuple[str, ...]:
    """The scopes whose changes concern the people of a place; a direct message is its own."""
    return place.scopes[:-1] if place.private else place.scopes


def spoken(place: Place, scope: str, locale: str) -> str:
    """A scope in words: this channel, this thread, the whole workspace, the configuration."""
    if not scope:
        return say("control.scope.configuration", locale)
    if scope == platform_scope(place):
        return say("control.scope.platform", locale)
    if scope == place.scopes[-1]:
        return say("control.scope.workspace", locale)
    if scope == channel_scope(place):
        key = "private" if place.private else "channel"
        return say(f"control.scope.{key}", locale)
    return say("control.scope.thread", locale)
