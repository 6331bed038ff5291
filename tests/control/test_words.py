"""The catalogue: whole in every language, within the platforms' limits, and all of it used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

import adapters
import bot
from bot import errors
from bot.control.commands import COMMANDS
from bot.control.settings import LIMITS, SETTINGS
from bot.control.words import ENGLISH, catalogue, language_of, languages, say
from bot.values import FinishReason

LANGUAGES = ("de", "en", "es", "fr", "ja", "ru")
OTHERS = tuple(language for language in LANGUAGES if language != ENGLISH)
PACKAGES = tuple(Path(package.__path__[0]) for package in (bot, adapters))

SHOWS_VARIABLES = "persona.field_hint"
"""It names the variables of personas, and so is the one text whose braces are read by people."""

LONGEST = {
    # Discord's descriptions of commands and of their options.
    r"(command|argument)\..*": 100,
    # Buttons: Slack's limit, which is below Discord's 80.
    r"button\..*|privacy\.button_.*|persona\.restore": 75,
    r"control\.(cancel|inherit|confirm\..*\.yes)|discord\.(open|more)|slack\.open": 75,
    # Titles and buttons of Slack's windows, and its shortcuts.
    r"slack\.(title\..*|menu\..*|save|cancel|close|next)": 24,
    r"persona\.form|conversation\.reason_title": 24,
    # Labels and placeholders of Discord's windows, and its message menus.
    r"setting\.[a-z_]+|persona\.field|conversation\.reason": 45,
    r"persona\.field_hint|discord\.thread\.name": 100,
    r"discord\.page\..*": 100,
    r"discord\.menu\..*": 32,
}


@dataclass
class Sources:
    """What the code says of keys."""

    texts: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    calls: list[tuple[str, frozenset[str]]] = field(default_factory=list)


@cache
def sources() -> Sources:
    found = Sources()
    for folder in PACKAGES:
        for file in folder.rglob("*.py"):
            _read(ast.parse(file.read_text(encoding="utf-8")), found)
    return found


def _read(tree: ast.AST, found: Sources) -> None:
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):  # from the outside in
        if node in left_out:
            continue
        if isinstance(node, ast.Call):
            if _is_log(node.func):
                left_out.update(node.args)
            found.calls += _said(node)
        elif isinstance(node, ast.JoinedStr):
            left_out.update(node.values)
            found.patterns.add("".join(map(_part, node.values)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.texts.add(node.value)


def _is_log(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) == "log"


def _said(call: ast.Call) -> Iterator[tuple[str, frozenset[str]]]:
    """A key with the names of its values, where both stand in the call."""
    names = frozenset(keyword.arg or "**" for keyword in call.keywords) - {"locale"}
    key = call.args[0] if call.args else None
    if not isinstance(key, ast.Constant) or "**" in names:
        return
    if ast.unparse(call.func) in {"say", "refusal"}:
        yield str(key.value), names


def _part(value: ast.expr) -> str:
    return re.escape(str(value.value)) if isinstance(value, ast.Constant) else "(.+)"


def keys(language: str = ENGLISH) -> set[str]:
    return set(catalogue(language))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def declared() -> Iterator[str]:
    """The keys that the tables of commands, settings and errors ask for."""
    for command in COMMANDS:
        yield f"command.{command.key}"
        if len(command.path) > 1:
            yield f"command.group.{command.path[0]}"
        if command.confirm:
            yield from (f"control.confirm.{command.key}.{part}" for part in ("text", "yes"))
        if command.menu:
            yield from (f"{room}.menu.{command.key}" for room in ("discord", "slack"))
        yield from (f"argument.{command.key}.{argument.name}" for argument in command.arguments)
    for name, setting in SETTINGS.items():
        yield f"setting.{name}"
        yield from (f"setting.{name}_{choice}" for choice in setting.choices)
    for limit in LIMITS:
        yield from (f"limits.{part}.{limit.name}" for part in ("label", "reached"))
    yield from (f"conversation.why.ended_{reason}" for reason in FinishReason)
    yield from (f"slack.not_a_{kind}" for kind in ("person", "role", "channel"))
    yield from (f"conversation.failure.{kind.__name__}" for kind in _speaking_errors())


def _speaking_errors() -> Iterator[type[errors.QuipuError]]:
    for kind in vars(errors).values():
        if (
            isinstance(kind, type)
            and issubclass(kind, errors.QuipuError)
            and "notice" in vars(kind)
        ):
            yield kind


def test_there_are_six_languages() -> None:
    assert languages() == LANGUAGES


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_key_of_english_and_no_other(language: str) -> None:
    assert keys(language) == keys()


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_keeps_the_placeholders_of_english(language: str) -> None:
    english, words = catalogue(ENGLISH), catalogue(language)
    wrong = [key for key in keys() if placeholders(words[key]) != placeholders(english[key])]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_ends_in_blanks(language: str) -> None:
    assert [
        key for key, text in catalogue(language).items() if text != text.strip() or not text
    ] == []


@pytest.mark.parametrize("language", OTHERS)
def test_what_stands_in_code_quotes_is_the_same_in_every_language(language: str) -> None:
    def quoted(text: str) -> list[str]:
        return sorted(re.findall(r"`[^`]*`", text))

    english, words = catalogue(ENGLISH), catalogue(language)
    assert [key for key in keys() if quoted(words[key]) != quoted(english[key])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_fit_where_the_platforms_show_them(language: str) -> None:
    too_long = {
        key: len(text)
        for key, text in catalogue(language).items()
        for where, most in LONGEST.items()
        if re.fullmatch(where, key) and len(text) > most
    }
    assert too_long == {}


@pytest.mark.parametrize("where", LONGEST)
def test_every_length_limit_is_about_some_text(where: str) -> None:
    assert any(re.fullmatch(where, key) for key in keys())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_s_title_fits_with_the_longest_name_of_its_command(language: str) -> None:
    longest = max((c.name for c in COMMANDS if c.window and c.path != ("persona", "set")), key=len)
    assert len(say("control.form", language, name=longest)) <= 24


def test_a_persona_is_called_the_same_everywhere() -> None:
    """In Spanish "una persona" is somebody; in French the word has but one gender here."""
    about = re.compile(r"(^|[._])personas?($|[._])")
    spanish, french = catalogue("es"), catalogue("fr")
    named = [key for key in keys() if about.search(key)]
    assert len(named) > 5
    assert [key for key in named if re.search(r"\bpersonas?\b", spanish[key])] == []
    feminine = re.compile(r"\b(une|cette|la|ma|aucune) personas?\b", re.IGNORECASE)
    assert [key for key in keys() if feminine.search(french[key])] == []


def test_the_tables_find_their_words() -> None:
    assert set(declared()) - keys() == set()


def test_every_key_that_the_code_names_is_there() -> None:
    rooms = "|".join(sorted({key.partition(".")[0] for key in keys()}))
    form = re.compile(rf"({rooms})(\.[a-z_]+)+")
    named = {text for text in sources().texts if form.fullmatch(text)}
    commands = {command.key for command in COMMANDS}
    files = {text for text in named if text.endswith((".txt", ".py"))}
    assert len(named) > 80
    assert named - keys() - commands - files == set()


def test_every_key_that_the_code_puts_together_begins_one_that_is_there() -> None:
    rooms = "|".join(sorted({key.partition(".")[0] for key in keys()}))
    made = {each for each in sources().patterns if re.match(rf"({rooms})\\\.", each)}
    assert len(made) > 15
    assert [each for each in made if not any(re.fullmatch(each, key) for key in keys())] == []


def test_calls_give_a_text_all_its_values() -> None:
    english = catalogue(ENGLISH)
    lacking = [
        (key, names)
        for key, names in sources().calls
        if key != SHOWS_VARIABLES and placeholders(english[key]) - names
    ]
    assert len(sources().calls) > 50
    assert lacking == []


def test_no_key_is_unused() -> None:
    known, asked = sources().texts, set(declared())
    patterns = [re.compile(each) for each in sources().patterns if re.search(r"[a-z]{2}", each)]

    def used(text: str) -> bool:
        """Said as it is, or put together from parts that are said somewhere."""
        if text in known or text in asked:
            return True
        found = (pattern.fullmatch(text) for pattern in patterns)
        return any(match and all(map(used, match.groups())) for match in found)

    assert {key for key in keys() if not used(key)} == set()


def test_the_english_words_of_an_error_are_its_notice() -> None:
    english = catalogue(ENGLISH)
    for kind in _speaking_errors():
        assert english[f"conversation.failure.{kind.__name__}"] == kind.notice


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        *(("en-US", "en"), ("en-GB", "en"), ("de", "de"), ("fr", "fr"), ("ru", "ru"), ("ja", "ja")),
        *(("es-ES", "es"), ("es-419", "es"), ("es-LA", "es")),
        *(("de-DE", "de"), ("de_AT", "de"), ("fr-FR", "fr"), ("ja-JP", "ja"), ("ru-RU", "ru")),
        *(("", "en"), ("pt-BR", "en"), ("zh-CN", "en"), ("..", "en"), ("DE-de", "de")),
    ],
)
def test_a_locale_of_the_platforms_chooses_the_language(locale: str, language: str) -> None:
    assert language_of(locale) == language
    assert say("button.stop", locale) == catalogue(language)["button.stop"]


def test_a_text_is_said_with_its_values_in_the_reader_s_language() -> None:
    assert say("conversation.queued", "de-DE", place=3) == "Du bist Nummer 3 in der Warteschlange."
    assert say("conversation.queued", "ja", place=3) == "順番待ちの 3 番目です。"
    assert "{date}" in say(SHOWS_VARIABLES, "fr")
