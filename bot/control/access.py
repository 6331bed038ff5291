"""Who may talk: the lists of a channel or workspace, shown and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from bot.control.authority import Access
from bot.control.place_settings import ACCESS, PlaceSettings
from bot.control.ports import Handler, SettingStore
from bot.control.refusal import refusal
from bot.control.response import Call, Given, Response
from bot.control.scopes import scope_for, spoken
from bot.control.words import say

WHOM = ("person", "role", "channel")
MOST = 500
"""Entries that one list may have."""


class AccessControl:
    """Handlers of `access …`. A list is read, changed and saved by one command at a time."""

    def __init__(self, store: SettingStore, settings: PlaceSettings) -> None:
        self._store = store
        self._settings = settings
        self._turn = asyncio.Lock()

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        return {
            ("access", "show"): self.show,
            ("access", "allow"): self.change,
            ("access", "deny"): self.change,
            ("access", "remove"): self.change,
        }

    async def show(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """The lists of every scope that counts here; the configuration's are only mentioned."""
        found = await self._store.every(call.place.scopes, ACCESS)
        lines = [say("control.lists", call.locale)]
        for each in found:
            lines.append(f"**{spoken(call.place, each.scope, call.locale)}**")
            lines += _listed(Access.read(each.value), call.locale)
        if len(lines) == 1:
            lines.append(say("control.access_open", call.locale))
        if self._settings.bounds.access_on(call.place.platform) != Access():
            lines.append(say("control.lists_configured", call.locale))
        return Response("\n".join(lines))

    async def change(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """Put people, roles or channels on a list, or take them from both."""
        scope = scope_for(call, str(arguments.get("where", "channel")))
        entries = [f"{kind}:{arguments[kind]}" for kind in WHOM if arguments.get(kind)]
        if not entries:
            raise refusal("control.nobody_named", call.locale)
        if arguments.get("channel") and scope != call.place.scopes[-1]:
            raise refusal("control.channels_by_workspace", call.locale)
        async with self._turn:
            changed = await self._change(call, scope, entries)
        key = f"control.listed.{call.command[-1]}" if changed else "control.unchanged"
        names = ", ".join(f"`{entry}`" for entry in entries)
        where = spoken(call.place, scope, call.locale)
        return Response(say(key, call.locale, names=names, where=where))

    async def _change(self, call: Call, scope: str, entries: list[str]) -> bool:
        found = await self._store.every([scope], ACCESS)
        access = _without(Access.read(found[0].value) if found else Access(), entries)
        match call.command[-1]:
            case "allow":
                access = replace(access, allow=(*access.allow, *entries))
            case "deny":
                access = replace(access, deny=(*access.deny, *entries))
        if max(len(access.allow), len(access.deny)) > MOST:
            raise refusal("control.list_full", call.locale, most=MOST)
        lists = {"allow": sorted(access.allow), "deny": sorted(access.deny)}
        value = lists if any(lists.values()) else None
        return bool(await self._store.set_settings(scope, {ACCESS: value}, call.author))


def _without(access: Access, entries: list[str]) -> Access:
    return Access(
        tuple(entry for entry in access.allow if entry not in entries),
        tuple(entry for entry in access.deny if entry not in entries),
    )


def _listed(access: Access, locale: str) -> list[str]:
    lines = []
    for key, entries in (("allowed", access.allow), ("denied", access.deny)):
        if entries:
            names = ", ".join(f"`{entry}`" for entry in entries)
            lines.append(f"- {say(f'control.{key}', locale, names=names)}")
    return lines
