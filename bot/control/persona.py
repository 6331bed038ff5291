"""The persona of a channel: shown, set, cleared, its history, and an earlier version restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog

from bot import plain
from bot.control.commands import BY_PATH
from bot.control.measuring import Measuring
from bot.control.place_settings import PlaceSettings
from bot.control.ports import Handler, SettingStore
from bot.control.refusal import refusal
from bot.control.response import Call, Field, File, Form, Given, Response
from bot.control.scopes import channel_scope, spoken
from bot.control.variables import SpokenPersonas, unknown_variables
from bot.control.versions import at, fenced, restoring, told
from bot.control.words import say
from bot.errors import TooLong
from bot.ports import Store
from bot.values import Persona, Place

log = structlog.get_logger(__name__)

VERSIONS = 10
"""Versions that the history shows."""

EVERY_VERSION = 1000
"""Versions among which `restore` looks."""

SHOWN = 1500
"""Characters of a persona that are shown as text; a longer one comes as a file."""

LONGEST = 16_000
"""Characters of a persona, from a file; as in the configuration."""

RESTORES = 5
"""Versions that have a button."""


class PersonaControl:
    """Handlers of `persona …`."""

    def __init__(
        self,
        store: Store,
        records: SettingStore,
        settings: PlaceSettings,
        measuring: Measuring,
        personas: SpokenPersonas,
    ) -> None:
        self._store = store
        self._records = records
        self._settings = settings
        self._measuring = measuring
        self._personas = personas

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        return {
            ("persona", "show"): self.show,
            ("persona", "set"): self.set,
            ("persona", "clear"): self.clear,
            ("persona", "history"): self.history,
            ("persona", "restore"): self.restore,
        }

    async def show(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """The persona as it was written, and where it comes from."""
        persona = await self._personas.written(call.place)
        if not persona.text:
            return Response(say("persona.none", call.locale))
        key = "persona.shown" if persona.version else "persona.shown_configured"
        head = say(key, call.locale, **_described(call, persona))
        if len(persona.text) > SHOWN:
            return Response(head, file=File("persona.txt", persona.text.encode()))
        return Response(f"{head}\n{fenced(persona.text)}")

    async def set(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """From a text, a file or a preset; with none of them a window to write in."""
        given = [name for name in ("text", "preset", "file") if name in arguments]
        if not given:
            if "text" in call.arguments:  # a form was sent without a word in it
                raise refusal("persona.empty", call.locale)
            return await self._form(call)
        if given == ["text", "file"] and await self._unchanged(call, str(arguments["text"])):
            given = ["file"]
        if len(given) > 1:
            raise refusal("persona.one_of", call.locale)
        value = str(arguments[given[0]])
        text = self._preset(call, value) if given == ["preset"] else value
        return await self._save(call, text)

    async def clear(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Back to what the channel inherits."""
        scope = channel_scope(call.place)
        if (await self._personas.written(call.place)).scope != scope:
            return Response(say("persona.not_set", call.locale))
        await self._store.set_persona(scope, None, call.author)
        log.info("persona cleared", scope=scope, author=call.author.id)
        return Response(say("persona.cleared", call.locale))

    async def history(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """The newest versions with who, when, and what changed."""
        versions = await self._versions(call.place, VERSIONS + 1)
        if not versions:
            return Response(say("persona.no_history", call.locale))
        pairs = zip(versions, [*versions[1:], Persona("")], strict=True)
        lines = [told(call, new, old) for new, old in pairs][:VERSIONS]
        older = [version for version in versions[1:] if version.text][:RESTORES]
        return Response("\n".join(lines), tuple(restoring(call, each) for each in older))

    async def restore(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """Set an earlier version again; that makes a new version."""
        number = arguments["version"]
        versions = await self._versions(call.place, EVERY_VERSION)
        found = next((each for each in versions if each.version == number), None)
        if found is None or not found.text:
            raise refusal("persona.no_version", call.locale, version=number)
        return await self._save(call, found.text)

    async def versions(self, place: Place) -> list[tuple[str, str]]:
        """Numbers of versions that can be restored, with labels."""
        found = await self._versions(place, VERSIONS * 2)
        return [
            (str(each.version), f"{each.version} · {plain.name(each.set_by)} · {at(each)}")
            for each in found
            if each.text
        ]

    async def _versions(self, place: Place, limit: int) -> list[Persona]:
        return await self._records.persona_versions(channel_scope(place), limit=limit)

    async def _form(self, call: Call) -> Response:
        known = {argument.name: argument for argument in BY_PATH[call.command].arguments}
        text = (await self._personas.written(call.place)).text
        label, hint = say("persona.field", call.locale), say("persona.field_hint", call.locale)
        field = Field(known["text"], label, text, hint)
        file = Field(known["file"], say("argument.persona.set.file", call.locale))
        form = Form(call.command, say("persona.form", call.locale), (field, file))
        most = min(int(known["text"].most or LONGEST), call.field_characters)
        if len(text) <= most:
            return Response(form=form)
        # An empty field would look as if there were no persona.
        figures = {"count": len(text), "most": most, "command": f"{call.prefix}persona set"}
        return Response(
            say("persona.beyond_field", call.locale, **figures),
            form=replace(form, fields=(file,)),
            file=File("persona.txt", text.encode()),
        )

    async def _unchanged(self, call: Call, text: str) -> bool:
        """Whether a form still has the words that it was shown with."""
        return text.strip() == (await self._personas.written(call.place)).text.strip()

    def _preset(self, call: Call, name: str) -> str:
        presets = self._settings.bounds.presets
        known = {key.casefold(): text for key, text in presets.items()}
        found = known.get(name.casefold())
        if not found:
            key = "error.not_a_choice" if presets else "persona.no_presets"
            raise refusal(key, call.locale, name="preset", choices=", ".join(presets))
        return found

    async def _save(self, call: Call, text: str) -> Response:
        text = text.strip()
        if not text:
            raise refusal("persona.empty", call.locale)
        if len(text) > LONGEST:
            raise refusal("error.text_too_long", call.locale, name="persona", most=LONGEST)
        tokens, allowed = await self._measured(call, text)
        persona = await self._store.set_persona(channel_scope(call.place), text, call.author)
        log.info("persona set", place=call.place.id, author=call.author.id)
        version = persona.version if persona else 0
        figures = {"version": version, "tokens": tokens, "allowed": allowed}
        lines = [say("persona.saved", call.locale, **figures)]
        if names := unknown_variables(text):
            shown = ", ".join(f"`{name}`" for name in names)
            lines.append(say("persona.unknown_variables", call.locale, names=shown))
            lines.append(say("persona.field_hint", call.locale))
        return Response("\n".join(lines))

    async def _measured(self, call: Call, text: str) -> tuple[int, int]:
        """Tokens of the text as the model will read it. TooLong with figures."""
        choice = await self._settings.choice(call.place)
        tokens, allowed = await self._measuring.figures(call.place, text, choice.model)
        if tokens > allowed:
            notice = say("persona.too_long", call.locale, tokens=tokens, allowed=allowed)
            raise TooLong(f"the persona takes {tokens} tokens of {allowed}", notice=notice)
        return tokens, allowed


def _described(call: Call, persona: Persona) -> dict[str, object]:
    return {
        "version": persona.version or "–",
        "origin": spoken(call.place, persona.scope, call.locale),
        "author": plain.shown(persona.set_by) or "–",
        "at": at(persona),
    }
