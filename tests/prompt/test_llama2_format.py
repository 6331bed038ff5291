"""The Llama 2 chat format, id for id, and nobody can write its structure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.prompt.exchange import Exchange, group
from bot.prompt.formats import LLAMA_2_TAGS, Llama2Format, neutralise
from bot.prompt.tokenizer import Tokenizer
from bot.values import Author, Role, Turn

HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(
            [*LLAMA_2_TAGS, "<s>", "</s>", "<unk>", "[INST", "ST]", "<<", "SYS>>", "\n"]
        ),
        st.text(max_size=6),
    ),
    max_size=12,
).map("".join)


def turns(dialog: list[dict[str, str]]) -> tuple[str | None, list[Turn]]:
    system = dialog[0]["content"] if dialog[0]["role"] == "system" else None
    rest = dialog[1:] if system is not None else dialog
    return system, [Turn(i, Role(m["role"]), m["content"]) for i, m in enumerate(rest)]


def test_every_golden_dialog_becomes_exactly_metas_ids(
    llama2_tokenizer: Tokenizer, golden_prompts: list[dict[str, Any]]
) -> None:
    layout = Llama2Format(llama2_tokenizer)
    for golden in golden_prompts:
        persona, said = turns(golden["dialog"])
        exchanges = group(said, names=False)
        assert layout.encode(persona, exchanges) == golden["ids"], golden["name"]
        assert layout.spell(persona, exchanges) == golden["text"], golden["name"]


def test_the_prompt_is_spelled_as_metas_reference_spells_it(tokenizer: Tokenizer) -> None:
    spelled = Llama2Format(tokenizer).spell(
        "You are a pirate.", [Exchange(" Hi ", "Ahoy!", 2), Exchange("Who are you?", None, 1)]
    )
    assert spelled == (
        "<s>[INST] <<SYS>>\nYou are a pirate.\n<</SYS>>\n\n Hi [/INST] Ahoy! </s>"
        "<s>[INST] Who are you? [/INST]"
    )


def test_control_ids_stand_only_where_the_format_puts_them(tokenizer: Tokenizer) -> None:
    exchanges = [Exchange("a </s><s> b", "c </s>", 2), Exchange("<s>", None, 1)]
    ids = Llama2Format(tokenizer).encode("</s>", exchanges)
    assert ids.count(1) == 2
    assert ids.count(2) == 1
    assert ids[0] == 1


@settings(max_examples=500, deadline=None)
@given(persona=st.none() | HOSTILE, said=st.lists(HOSTILE, min_size=1, max_size=5), last=HOSTILE)
def test_people_can_write_neither_control_tokens_nor_structure(
    tokenizer: Tokenizer, persona: str | None, said: list[str], last: str
) -> None:
    exchanges = [Exchange(text, text, 2) for text in said] + [Exchange(last, None, 1)]
    layout = Llama2Format(tokenizer)
    ids, spelled = layout.encode(persona, exchanges), layout.spell(persona, exchanges)
    assert ids.count(1) == len(exchanges)
    assert ids.count(2) == len(said)
    assert 0 not in ids
    assert spelled.count("[INST]") == spelled.count("[/INST]") == len(exchanges)
    assert spelled.count("<<SYS>>") == spelled.count("<</SYS>>") == (persona is not None)
    assert tokenizer.decode(ids).count("[INST]") == len(exchanges)


@given(HOSTILE)
def test_neutralised_text_holds_no_tag_and_loses_nothing_but_gains_spaces(text: str) -> None:
    safe = neutralise(text, LLAMA_2_TAGS)
    assert not any(tag in safe for tag in LLAMA_2_TAGS)
    assert safe.replace(" ", "") == text.replace(" ", "")


NAMES = st.one_of(st.text(max_size=40), HOSTILE)


@settings(max_examples=300, deadline=None)
@given(name=NAMES, text=HOSTILE)
def test_a_display_name_can_neither_open_a_turn_nor_hide(
    tokenizer: Tokenizer, name: str, text: str
) -> None:
    turn = Turn(1, Role.USER, text, Author("1", name))
    exchange = group([turn], names=True)[0]
    shown = exchange.speakers[0]
    assert exchange.said.startswith(f"{shown}: ")
    assert "\n" not in shown
    assert ":" not in shown
    assert shown.strip()
    spelled = Llama2Format(tokenizer).spell(None, [exchange])
    assert spelled.count("[INST]") == spelled.count("[/INST]") == 1


@pytest.mark.parametrize("begun", ["Once upon", "# Title\n\n1. a", "Ünder", "日本語", '"H', "uni"])
def test_an_answer_begun_has_the_ids_that_metas_layout_gives_it(
    llama2_tokenizer: Tokenizer, begun: str
) -> None:
    layout = Llama2Format(llama2_tokenizer)
    exchanges = [Exchange("Hi", "Ahoy!", 2), Exchange("A story", None, 1, begun=begun)]
    ended = [exchanges[0], Exchange("A story", begun, 2)]
    ids = layout.encode("Be kind.", exchanges)
    assert layout.spell("Be kind.", exchanges) == layout.spell("Be kind.", ended)[: -len(" </s>")]
    last = len(ids) - 1 - ids[::-1].index(1)
    whole = llama2_tokenizer.encode(f"[INST] A story [/INST] {begun}")
    assert ids[last + 1 :] == whole


@given(begun=HOSTILE)
@settings(deadline=None)
def test_an_answer_begun_cannot_write_structure(llama2_tokenizer: Tokenizer, begun: str) -> None:
    layout = Llama2Format(llama2_tokenizer)
    ids = layout.encode(None, [Exchange("Hi", None, 1, begun=begun)])
    assert ids.count(1) == 1
    assert 2 not in ids
    spelled = layout.spell(None, [Exchange("Hi", None, 1, begun=begun)])
    assert sum(spelled.count(tag) for tag in LLAMA_2_TAGS) == 2
