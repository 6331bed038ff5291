"""The generator of training dialogues is deterministic, wide, and apart from the held-out words."""

from __future__ import annotations

from random import Random

import pytest

from bot.demo.training.cases import STEADY, HeldOut, sentences
from bot.demo.training.dialogues import Dialogue, Playwright
from bot.demo.training.encoding import BOS, EOS, encode, prompt_ids
from bot.demo.training.grammar import Grammar, parse
from bot.demo.training.intents import Outside, asking_grammar, fill, load_intents
from bot.demo.training.personas import Character, first_sentence, load_manners
from bot.demo.training.tokenizer import load_pieces, train_tokenizer


def dialogues(seed: int, count: int) -> list[Dialogue]:
    rng, playwright = Random(seed), Playwright()
    return [playwright.write(rng) for _ in range(count)]


def plainly(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").strip()


def test_the_same_seed_writes_the_same_dialogues() -> None:
    assert dialogues(3, 50) == dialogues(3, 50)
    assert dialogues(3, 50) != dialogues(4, 50)


def test_the_tokenizer_is_the_same_from_the_same_seed() -> None:
    first, second = (train_tokenizer(1, dialogues=300, pieces=700) for _ in range(2))
    assert load_pieces(first).encode("How do I run you?") == load_pieces(second).encode(
        "How do I run you?"
    )


def test_there_are_many_intents_and_each_is_asked_in_many_ways() -> None:
    rng, grammar = Random(0), asking_grammar()
    few = [
        intent.name
        for intent in load_intents()
        if len({grammar.expand(rng.choice(intent.ask), rng) for _ in range(2000)}) < 30
    ]
    assert len(load_intents()) >= 45
    assert few == []


def test_every_intent_is_measured() -> None:
    assert set(HeldOut().intents) == {intent.name for intent in load_intents()}


@pytest.mark.timeout(300)
def test_no_held_out_question_comes_out_of_the_generator() -> None:
    rng, grammar, outside = Random(11), asking_grammar(), Outside()
    patterns = [pattern for intent in load_intents() for pattern in intent.ask]
    sampled = {plainly(grammar.expand(rng.choice(patterns), rng)) for _ in range(160_000)}
    sampled |= {plainly(outside.ask(rng)) for _ in range(40_000)}
    assert sorted(sampled & {plainly(text) for text in HeldOut().questions()}) == []


def test_one_sentence_is_one_sentence_in_every_manner() -> None:
    rng = Random(5)
    for intent in load_intents():
        for manner in (None, *load_manners()):
            said = Character("x", manner=manner, one_sentence=True).say(
                intent.say[0], intent.short, rng
            )
            assert sentences(said) == 1, said


def test_the_first_sentence_ends_where_a_reader_would_end_it() -> None:
    assert first_sentence("Copy config.toml. Then start.") == "Copy config.toml."


def test_what_is_learned_is_the_answer_and_its_end() -> None:
    pieces = load_pieces(train_tokenizer(1, dialogues=300, pieces=700))
    dialogue = dialogues(8, 1)[0]
    encoded = encode(dialogue, pieces, 2048)
    learned = [token for token, mark in zip(encoded.ids, encoded.learned, strict=True) if mark]
    told = " ".join(exchange.answer for exchange in dialogue.exchanges)
    assert learned.count(EOS) == len(dialogue.exchanges)
    assert pieces.decode([token for token in learned if token != EOS]).split() == told.split()


def test_a_prompt_is_the_beginning_of_what_was_trained() -> None:
    pieces = load_pieces(train_tokenizer(1, dialogues=300, pieces=700))
    dialogue = next(d for d in dialogues(9, 50) if len(d.exchanges) > 1)
    before = [(e.user, e.answer) for e in dialogue.exchanges[:-1]]
    prompt = prompt_ids(dialogue.persona, before, dialogue.exchanges[-1].user, pieces)
    encoded = encode(dialogue, pieces, 4096)
    assert prompt[0] == BOS
    assert encoded.ids[: len(prompt)] == prompt
    assert encoded.learned[len(prompt) - 1 : len(prompt) + 1] == [0, 1]


def test_patterns_choose_leave_out_and_refer() -> None:
    grammar = Grammar({"fruit": ["apple", "pear [tree]"]})
    said = {grammar.expand("(a|the) <fruit> [now]", Random(seed)) for seed in range(200)}
    assert said == {
        f"{article} {fruit}{end}"
        for article in ("a", "the")
        for fruit in ("apple", "pear", "pear tree")
        for end in ("", " now")
    }


@pytest.mark.parametrize("pattern", ["(a|b", "a]", "(a]"])
def test_a_pattern_with_wrong_brackets_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"close|open"):
        parse(pattern)


def test_the_rules_call_every_written_answer_right() -> None:
    rng, slots = Random(2), {"bot": "Quipu", "who": ""}
    cases = {case.says[0]: case for case in HeldOut().cases() if case.group.endswith("DM")}
    held_out = HeldOut()
    for intent in load_intents():
        case = cases[held_out.asked(intent.name)[0]]
        for answer in intent.say:
            plain = fill(answer, slots)
            assert case.judge(plain), plain
            for manner in load_manners() if intent.name in STEADY else ():
                assert case.judge(manner.shape(plain, rng)), (manner.name, plain)


def test_the_rules_tell_intents_apart() -> None:
    held_out, slots = HeldOut(), {"bot": "Quipu", "who": ""}
    cases = {case.says[0]: case for case in held_out.cases() if case.group.endswith("DM")}
    confused = [
        (intent.name, other.name)
        for intent in load_intents()
        for other in load_intents()
        if other != intent
        and cases[held_out.asked(intent.name)[0]].judge(fill(other.say[0], slots))
    ]
    assert confused == []
