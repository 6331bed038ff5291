"""The page of all settings as one message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.components import view_of
from adapters.discord.forms import without_offset
from adapters.discord.pages import Mark, controls_of, form_of, text_of
from bot.control.declarations import Argument, Kind
from bot.control.response import Call, Item, Page, Response
from bot.control.settings import SETTINGS
from tests.discord.stage import Stage
from tests.loopback.discord.interactions import TEXT_INPUT, fields

PATH = ("settings",)
WHEN = SETTINGS["when"]
YES_NO = (("inherit", "Inherit"), ("yes", "yes"), ("no", "no"))


def item(name: str, *options: str, value: str = "", own: bool = False) -> Item:
    argument = SETTINGS.get(name, Argument(name, Kind.TEXT))
    labelled = tuple((option, option.upper()) for option in options)
    return Item(("answers",), argument, name.title(), value, value or "–", "here", own, labelled)


def page(*items: Item, groups: int = 2) -> Page:
    empty = tuple((f"Group {number}", ()) for number in range(1, groups))
    return Page("Settings of #knots", (("Answers", items), *empty))


def rows(made: Page, group: int = 0) -> int:
    view = view_of(controls_of(made, PATH, group, "en"))
    assert view is not None
    parts = view.to_components()
    assert all(1 <= len(row["components"]) <= 5 for row in parts)
    assert all(len(one["custom_id"]) <= 100 for row in parts for one in row["components"])
    return len(parts)


@pytest.mark.parametrize(("chosen", "others"), [(0, 1), (3, 5), (4, 0), (4, 1), (9, 9), (0, 30)])
async def test_any_number_of_settings_fits_into_five_rows(chosen: int, others: int) -> None:
    items = [item(f"c{number}", "a", "b") for number in range(chosen)]
    items += [item(f"o{number}") for number in range(others)]
    for groups in (1, 2, 25):
        assert rows(page(*items, groups=groups)) <= 5


async def test_every_setting_can_be_reached(live: Stage) -> None:
    items = [item(f"c{number}", "a", "b") for number in range(7)] + [
        item("o1"),
        item("o2"),
        item("o3"),
    ]
    ids = {getattr(one, "custom_id", "") for one in controls_of(page(*items), PATH, 0, "en")}
    marks = [mark for one in ids if (mark := Mark.read(one))]
    assert {one.argument.name for one in items} <= {mark.argument for mark in marks}
    assert not live.desk.calls


def test_what_a_mark_says_is_read_back() -> None:
    mark = Mark("c", ("settings",), 3, ("access", "allow"), "person")
    assert Mark.read(mark.id) == mark
    assert Mark.read(replace(mark, where="thread").id) == replace(mark, where="thread")
    assert Mark.read("q:stop:7:") is None
    assert Mark.read("p:c:settings:x::") is None


@given(st.text() | st.lists(st.text(max_size=9), max_size=8).map(":".join))
def test_no_id_makes_reading_it_fail(custom_id: str) -> None:
    mark = Mark.read(custom_id)
    offset, rest = without_offset(custom_id)
    assert mark is None or mark.group >= 0
    assert offset == 0 or custom_id.endswith(rest)


def test_the_text_tells_values_and_where_they_come_from() -> None:
    text = text_of(page(item("when", value="always"), item("threads")), 0)
    assert "Settings of #knots" in text
    assert "**When**: always · here" in text
    assert text_of(page(item("when")), 99) == text_of(page(item("when")), 1)


def test_the_form_of_an_inherited_setting_begins_empty() -> None:
    mark = Mark("w", PATH, 0, ("answers",), "when")
    found = form_of(page(item("when", value="always")), mark, "en")
    assert found is not None
    assert found[0].fields[0].value == ""
    own = form_of(page(item("when", value="always", own=True)), mark, "en")
    assert own is not None
    assert own[0].fields[0].value == "always"
    assert form_of(page(item("threads")), mark, "en") is None


class Book:
    """Settings of one place, as handlers of the desk."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    async def show(self, _: Call) -> Response:
        answers = (
            replace(item("when", "inherit", "always", "never"), shown=self.held.get("when", "–")),
            replace(item("seed"), shown=self.held.get("seed", "–"), command=("sampling",)),
        )
        return Response("Everything here.", page=page(*answers))

    async def change(self, call: Call) -> Response:
        self.held |= {name: str(value) for name, value in call.arguments.items()}
        return Response("Changed.")


async def test_a_setting_is_chosen_and_written_on_the_page_itself(live: Stage) -> None:
    book = Book()
    live.desk.answers |= {PATH: book.show, ("answers",): book.change, ("sampling",): book.change}
    used = await live.mia.runs_command("settings", live.channel)
    shown = await used.answer()
    assert shown.ephemeral
    await live.mia.selects(shown, "When: –", "ALWAYS")
    assert "Changed." in shown.content
    assert "**When**: always" in shown.content
    opened = await live.mia.presses(shown, "Seed")
    await live.mia.submits_modal(opened, {"Seed": "7"})
    assert "**Seed**: 7" in shown.content
    assert book.held == {"when": "always", "seed": "7"}
    await live.mia.selects(shown, "Which settings", "Group 1")
    assert "__Group 1__" in shown.content
    await live.mia.selects(shown, "Which settings", "Answers")
    assert "**Seed**: 7" in shown.content
    assert {call.place.id for call in live.desk.calls} == {live.place().id}
    assert not live.channel.from_bot


async def test_a_setting_that_is_gone_from_the_page_says_so(live: Stage) -> None:
    live.desk.answers[PATH] = Response(page=page(item("seed")))
    shown = await (await live.mia.runs_command("settings", live.channel)).answer()
    live.desk.answers[PATH] = Response(page=page(item("when")))
    pressed = await live.mia.presses(shown, "Seed")
    assert pressed.response is not None
    assert "does not work any more" in pressed.response.content


async def test_of_more_options_than_discord_shows_one_is_written(live: Stage) -> None:
    book = Book()
    models = replace(item("model", *(f"m{number}" for number in range(30))), command=("model",))

    async def show(_: Call) -> Response:
        return Response(page=page(replace(models, shown=book.held.get("model", "–"))))

    live.desk.answers |= {PATH: show, ("model",): book.change}
    shown = await (await live.mia.runs_command("settings", live.channel)).answer()
    opened = await live.mia.presses(shown, "Model")
    assert opened.modal is not None
    assert [field.kind for field in fields(opened.modal)] == [TEXT_INPUT]
    await live.mia.submits_modal(opened, {"Model": "m29"})
    assert "**Model**: m29" in shown.content
