"""Prompts of hostile turns, names and personas, in every format."""

from __future__ import annotations

from bot.control.variables import Names, filled, values
from bot.endpoint.asking import CONTROL_TAGS, plain
from bot.errors import TooLong
from bot.prompt.builder import PromptBuilder
from bot.prompt.code_llama import HEADER, TO_THE_USER, CodeLlama70BFormat
from bot.prompt.exchange import Exchange, group
from bot.prompt.formats import LLAMA_2_TAGS, ChatFormat, Llama2Format, neutralise
from bot.values import Author, Persona, Role, Turn
from tests.fuzz import hostile
from tests.fuzz.draws import Draws
from tests.fuzz.targets.naming import NOON
from tests.fuzz.vocabularies import code_pieces, kept, llama2_pieces, templates_known

SAID = (*hostile.TAGS, *hostile.PEOPLE, *hostile.BREAKS, *hostile.UNSEEN, *hostile.WORDS)
MOST_TURNS = 6


def said(draws: Draws) -> str:
    """A text as it comes from the database."""
    return hostile.text(draws, 6, SAID).encode("utf-8", "replace").decode()


def turns(draws: Draws) -> list[Turn]:
    """A conversation that ends with a person."""
    people = [Author(str(at), hostile.name(draws)) for at in range(1 + draws.below(3))]
    found = []
    for at in range(draws.below(MOST_TURNS)):
        role = Role.ASSISTANT if draws.below(2) else Role.USER
        found.append(Turn(at, role, said(draws), draws.pick(people)))
    return [*found, Turn(99, Role.USER, said(draws), draws.pick(people))]


def persona(draws: Draws) -> Persona | None:
    """What admins wrote, with the names that others chose filled in."""
    if draws.below(3) == 0:
        return None
    names = Names(hostile.name(draws), hostile.name(draws), hostile.name(draws))
    return Persona(filled(said(draws), values(names, NOON)))


def exchanges(draws: Draws) -> tuple[str | None, list[Exchange]]:
    """A persona and exchanges, the last without its answer."""
    given = persona(draws)
    words = given.text if given else None
    return words, group(turns(draws), names=draws.below(2) == 0)


def llama2(draws: Draws) -> None:
    """Control ids and tags stand only where Llama 2's format has them, and the persona is whole."""
    tokenizer = llama2_pieces()
    layout = kept(Llama2Format, tokenizer)
    builder = PromptBuilder(layout, context=draws.pick((160, 400, 2048)), reserve=64)
    who, conversation = persona(draws), turns(draws)
    begun = said(draws) if draws.below(4) == 0 else ""
    try:
        prompt = builder.build(who, conversation, names=draws.below(2) == 0, begun=begun)
    except TooLong:
        bare = builder.measure(who or Persona(""))[0] + 80
        assert (
            bare + len(layout.encode(None, [Exchange("", None, 0, begun=begun)])) > builder.budget
        )
        return
    ids, text = list(prompt.ids), prompt.text
    count = ids.count(1)
    assert len(ids) <= builder.budget
    assert prompt.kept + prompt.dropped == len(conversation)
    assert ids[0] == 1
    assert (ids.count(2), ids.count(0)) == (count - 1, 0)
    for tag, wanted in zip(LLAMA_2_TAGS, (count, count, bool(who), bool(who)), strict=True):
        assert text.count(tag) == wanted, tag
        assert tokenizer.decode(ids).count(tag) == wanted, tag
    if who is not None:
        assert prompt.persona == who
        whole = f"<<SYS>>\n{neutralise(who.text, LLAMA_2_TAGS)}\n<</SYS>>\n\n"
        assert text.startswith(f"<s>[INST] {whole.rstrip()}")
        assert prompt.messages[0] == ("system", who.text)
    assert [role for role, _ in prompt.messages].count("system") == bool(who)
    assert not any("\n" in stop[1:] or ":" in stop[:-1] for stop in prompt.stops)


def code_llama(draws: Draws) -> None:
    """Every message of Code Llama 70B ends with the one token that ends it, under its own head."""
    tokenizer = code_pieces()
    layout: ChatFormat = kept(CodeLlama70BFormat, tokenizer)
    who, conversation = exchanges(draws)
    ids = layout.encode(who, conversation)
    answers = sum(one.answer is not None for one in conversation)
    controls = [token for token in ids if token in tokenizer.control_ids]
    assert controls == [1, *[controls[1]] * (1 + len(conversation) + answers)]
    spelled = layout.spell(who, conversation)
    # A head stands behind the token that ended the message before; its second line is a line.
    assert spelled.count(TO_THE_USER) == answers + 1
    assert len(HEADER.findall(spelled)) <= answers + 1


def templates(draws: Draws) -> None:
    """A model's own template gives hostile people the same structure as harmless ones."""
    layout, tokenizer, tags = draws.pick(templates_known())
    who, conversation = exchanges(draws)
    calm = [
        Exchange("a", None if each.answer is None else "b", each.turns) for each in conversation
    ]
    given = [layout.encode(who, conversation), layout.encode(who and "p", calm)]
    controls = [[token for token in ids if token in tokenizer.control_ids] for ids in given]
    assert controls[0] == controls[1]
    spelled = [layout.spell(who, conversation), layout.spell(who and "p", calm)]
    for tag in tags:
        assert tokenizer.normal(spelled[0]).count(tag) == spelled[1].count(tag), tag


def endpoints(draws: Draws) -> None:
    """What goes to another server spells no control token of the usual models."""
    text = hostile.text(draws, 10, (*hostile.TAGS, "<|", "|>", "<｜", "｜>", *hostile.WORDS))
    safe = plain(text, ("<|turn|>", "[x]"))
    assert not any(tag in safe for tag in (*CONTROL_TAGS, "<|turn|>", "[x]", "<|im_end|>"))
    assert safe.replace(" ", "") == text.replace(" ", "")
