"""The checkpoint that ships is an ordinary, small Llama that answers and stops."""

from __future__ import annotations

import pytest
import torch
from transformers import GenerationConfig, LlamaForCausalLM

from bot.demo import CHECKPOINT
from bot.demo.training.cases import Case
from bot.demo.training.measure import Demonstration
from bot.demo.training.tokenizer import load_pieces
from bot.demo.training.unsaid import UNSAID, bad_words

PERSONA = "You are Quipu, a friendly assistant in this chat. Answer briefly and honestly."


def test_the_checkpoint_loads_with_no_special_path() -> None:
    model = LlamaForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32)
    assert model.config.model_type == "llama"
    assert model.generation_config is not None
    assert model.generation_config.do_sample is False


def test_it_has_grouped_queries_and_a_context_of_at_least_1024() -> None:
    config = LlamaForCausalLM.from_pretrained(CHECKPOINT).config
    assert config.num_key_value_heads is not None
    assert config.num_key_value_heads < config.num_attention_heads
    assert config.max_position_embeddings >= 1024


def test_it_takes_at_most_16_mb() -> None:
    assert sum(file.stat().st_size for file in CHECKPOINT.iterdir()) <= 16_000_000


def test_its_tokenizer_follows_the_conventions_of_llama() -> None:
    pieces = load_pieces((CHECKPOINT / "tokenizer.model").read_bytes())
    assert (pieces.unk_id(), pieces.bos_id(), pieces.eos_id()) == (0, 1, 2)
    assert pieces.decode(pieces.encode("ünï  42 кот\n🙂")) == "ünï  42 кот\n🙂"
    assert pieces.encode("42", out_type=str)[-2:] == ["4", "2"]


def test_no_way_to_spell_what_it_must_not_say_is_open() -> None:
    """Whatever pieces it puts together: each way to spell such a word ends in a list of its own."""
    pieces = load_pieces((CHECKPOINT / "tokenizer.model").read_bytes())
    words = GenerationConfig.from_pretrained(CHECKPOINT).bad_words_ids
    assert words == bad_words(pieces)
    spelled = {pieces.decode(word).lower() for word in words}
    assert spelled == set(UNSAID)
    assert sorted(pieces.encode(word) for word in UNSAID if pieces.encode(word) not in words) == []


def test_it_answers_newcomers_and_stops(demonstration: Demonstration) -> None:
    cases = [
        Case("dm", PERSONA, ("What is Quipu?",), ("self-hosted",)),
        Case("dm", PERSONA, ("How do I add you to Discord?",), ("developer portal",)),
        Case("dm", PERSONA, ("Where are my messages kept?",), ("SQLite",)),
        Case("dm", None, ("Which model are you?",), ("demonstration",)),
        Case("channel", PERSONA, ("Ann: How do I use a bigger model?",), (r"model\.name",)),
        Case("decline", PERSONA, ("What is 7 times 12?",), (r"do not know.*model\.name",)),
        Case("pirate", "You are a pirate.", ("Where are my messages kept?",), ("arr|ahoy",)),
    ]
    outcomes = demonstration.run(cases)
    assert [o.case.says for o in outcomes if not o.right or not o.stopped] == []


def test_it_remembers_a_name_and_a_fact(demonstration: Demonstration) -> None:
    cases = [
        Case("name", PERSONA, ("my name is Miralda", "what is my name?"), ("Miralda",)),
        Case("fact", PERSONA, ("My dog is called Bodo.", "What is my dog called?"), ("Bodo",)),
    ]
    assert [o.answer for o in demonstration.run(cases) if not o.right] == []


@pytest.mark.slow
def test_it_answers_in_a_conversation_of_over_1024_tokens(demonstration: Demonstration) -> None:
    talk = (
        "What can you do?",
        "how do I set a persona?",
        "hello",
        "Thanks!",
        "What is a persona?",
        "how do I run the tests?",
        "are you human",
        "Do you need the internet?",
    )
    long = Case("long", PERSONA, (*talk * 4, "Where are my messages kept?"), ("SQLite",))
    outcome = demonstration.run([long])[0]
    assert outcome.prompt_tokens > 1024
    assert outcome.right, outcome.answer
    assert outcome.stopped
