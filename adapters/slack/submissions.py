"""Windows that were sent: their fields as arguments, and what is wrong said at the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.slack.blocks import Json
from adapters.slack.elements import VALUE
from adapters.slack.occasions import Payload
from adapters.slack.places import is_private
from adapters.slack.typed import check_id
from adapters.slack.windows import (
    CHANNEL,
    PAGE,
    WHERE,
    Memo,
    changed,
    files_in,
    note_window,
    setting_block,
    submitted,
)
from bot.control.arguments import checked
from bot.control.commands import BY_PATH
from bot.control.ports import Control
from bot.control.response import Call, Given
from bot.control.spelling import INHERIT
from bot.control.words import say, told
from bot.errors import Refused

if TYPE_CHECKING:
    from adapters.slack.answers import Answers
    from adapters.slack.calls import Caller
    from adapters.slack.occasions import Occasion


class Submissions:
    """Carries out what was filled in."""

    def __init__(self, control: Control, caller: Caller, answers: Answers) -> None:
        self._control = control
        self._caller = caller
        self._answers = answers

    async def acknowledgement(self, occasion: Occasion, view: Payload) -> Json:
        """What Slack is to do with the window."""
        kinds = {WHERE: self._where, PAGE: self._page}
        return await kinds.get(str(view["callback_id"]), self._form)(occasion, view)

    async def _where(self, occasion: Occasion, view: Payload) -> Json:
        channel = str(submitted(view)[CHANNEL])
        if is_private(channel):  # it is offered to nobody, and everybody manages their own
            raise Refused(f"{channel} is a direct message", key="slack.unknown_button")
        memo = replace(Memo.read(view), channel=channel)
        call = await self._caller.of_window(occasion, memo)
        return await self._answered(call, occasion, CHANNEL)

    async def _form(self, occasion: Occasion, view: Payload) -> Json:
        memo = Memo.read(view)
        call = await self._caller.of_window(occasion, memo)
        values = submitted(view)
        errors = _wrong(memo.command, values, values, call.locale)
        for block, file in files_in(view).items():
            try:
                values[block] = await self._answers.read(occasion, file, call.locale)
            except Refused as error:
                errors[block] = told(error, call.locale)
        if errors:
            return _errors(errors)
        call = replace(call, arguments={**call.arguments, **values})
        return await self._answered(call, occasion, next(iter(values), VALUE))

    async def _page(self, occasion: Occasion, view: Payload) -> Json:
        """Every change by its own command; what was changed before one is refused stays so."""
        memo, errors, words = Memo.read(view), dict[str, str](), list[str]()
        changes = changed(view)
        locale = await self._caller.locale(occasion)
        for (command, where), values in changes.items():
            blocks = {name: setting_block(command, name, where) for name in values}
            given = {name: value for name, value in values.items() if value != INHERIT}
            wrong = _wrong(command, given, values, locale)
            errors |= {blocks[name]: notice for name, notice in wrong.items()}
        if errors:
            return _errors(errors)
        for (command, where), values in changes.items():
            given = values | ({"where": where} if where else {})
            call = await self._caller.of_window(occasion, memo, command, given)
            try:
                words.append((await self._control.carry_out(call)).text)
            except Refused as error:
                block = setting_block(command, next(iter(values)), where)
                return _errors({block: told(error, locale)})
        return _update(note_window("\n".join(words), memo, locale))

    async def _answered(self, call: Call, occasion: Occasion, block: str) -> Json:
        try:
            response = await self._control.carry_out(call)
        except Refused as error:
            return _errors({block: told(error, call.locale)})
        return _update(await self._answers.sent(response, call, occasion))


def _wrong(
    path: tuple[str, ...], values: Mapping[str, Given], names: Iterable[str], locale: str
) -> dict[str, str]:
    """What is wrong with each value by itself, by its name."""
    command = BY_PATH.get(path)
    if command is None:
        return dict.fromkeys(names, say("slack.unknown_button", locale))
    found: dict[str, str] = {}
    for argument in command.arguments:
        value = values.get(argument.name, "")
        alone = replace(command, arguments=(argument,))
        try:
            if value != "":
                checked(alone, {argument.name: value}, locale, forms=True)
                check_id(argument.name, argument.kind, value, locale)
        except Refused as error:
            found[argument.name] = told(error, locale)
    return found


def _errors(errors: Mapping[str, str]) -> Json:
    return {"response_action": "errors", "errors": dict(errors)}


def _update(window: Json) -> Json:
    return {"response_action": "update", "view": window}
