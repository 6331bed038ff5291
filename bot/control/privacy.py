"""What is kept about a person: shown, exported to them, deleted, and whether feedback is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC

import structlog

from bot.control.audit import as_json
from bot.control.ports import Handler, PeopleStore
from bot.control.response import Button, Call, File, Given, Response
from bot.control.words import say

log = structlog.get_logger(__name__)

EXPORT = ("privacy", "export")
DELETE = ("privacy", "delete")
FEEDBACK = ("privacy", "feedback")


class Privacy:
    """Handlers of `privacy …`: each is about the caller alone, whoever that is."""

    def __init__(self, people: PeopleStore, presets: Collection[str] = ()) -> None:
        self._people = people
        self._presets = frozenset(presets)

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        return {
            ("privacy", "show"): self.show,
            EXPORT: self.export,
            DELETE: self.delete,
            FEEDBACK: self.feedback,
        }

    async def warning(self, call: Call) -> str:
        """What else goes when everything is deleted, and others would miss."""
        kept = await self._people.stored(call.place.platform, call.author.id, presets=self._presets)
        if not kept.in_force:
            return ""
        return say("privacy.personas_go", call.locale, places=kept.in_force)

    async def show(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """How much is kept, with buttons for what can be done about it."""
        kept = await self._people.stored(call.place.platform, call.author.id)
        since = "–" if kept.since is None else f"{kept.since.astimezone(UTC):%Y-%m-%d}"
        figures = {
            name: getattr(kept, name)
            for name in ("messages", "answers", "votes", "personas", "places")
        }
        used = "used" if kept.feedback_use else "not_used"
        key = "privacy.shown" if any(figures.values()) else "privacy.nothing_kept"
        text = [
            say(key, call.locale, since=since, **figures),
            say(f"privacy.feedback_{used}", call.locale),
        ]
        if kept.locale:
            text.append(say("privacy.language", call.locale, language=kept.locale))
        if kept.lists:
            text.append(say("privacy.on_lists", call.locale, lists=kept.lists))
        return Response("\n".join(text), _buttons(call, feedback_use=kept.feedback_use))

    async def export(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Everything as it is stored, in a file for the person."""
        kept = await self._people.export_person(call.place.platform, call.author.id)
        return Response(say("privacy.exported", call.locale), file=File("me.json", as_json(kept)))

    async def delete(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """The person's words and names go from every table."""
        platform, author = call.place.platform, call.author
        gone = await self._people.forget_person(
            platform, author.id, names=[author.name], presets=self._presets
        )
        log.info("person forgotten", platform=platform, messages=gone.messages)
        lines = [say("privacy.deleted", call.locale, messages=gone.messages)]
        if gone.in_force:
            lines.append(say("privacy.personas_gone", call.locale, places=gone.in_force))
        if not gone.feedback_use:
            lines.append(say("privacy.stays_not_used", call.locale))
        return Response("\n".join(lines))

    async def feedback(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """Whether the person's votes, and prompts with their words, may be used for training."""
        use = bool(arguments["use"])
        await self._people.use_feedback(call.place.platform, call.author.id, use)
        return Response(say(f"privacy.feedback_{'used' if use else 'not_used'}", call.locale))


def _buttons(call: Call, *, feedback_use: bool) -> tuple[Button, ...]:
    use = "no" if feedback_use else "yes"
    return (
        Button(EXPORT, say("privacy.button_export", call.locale)),
        Button(FEEDBACK, say(f"privacy.button_use_{use}", call.locale), arguments=(("use", use),)),
        Button(DELETE, say("privacy.button_delete", call.locale), danger=True),
    )
