"""Models with a chat template of their own go through the same budget, and stay as safe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from bot import checkpoint as checkpoints
from bot.checkpoint import Checkpoint
from bot.errors import ConfigError
from bot.prompt.exchange import Exchange
from bot.prompt.formats import Llama2Format, TemplateFormat
from bot.prompt.load import load_builder, load_format, load_tokenizer
from bot.prompt.tokenizer import FastTokenizer, SentencePieceTokenizer
from bot.values import Author, Persona, Role, Turn
from tests.pieces import SENTENCES

CONTROL = ("<|begin|>", "<|start|>", "<|end|>", "<|turn|>")
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start|>{{ message['role'] }}<|end|>\n\n"
    "{{ message['content'] | trim }}<|turn|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|end|>\n\n{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    + TEMPLATE
)
HOSTILE = st.lists(
    st.one_of(st.sampled_from([*CONTROL, "<|", "|>", "start", "\n\n"]), st.text(max_size=8)),
    max_size=10,
).map("".join)


def model_folder(folder: Path, template: str) -> Path:
    """A checkpoint's small files in the manner of newer models: tokenizer.json and a template."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in CONTROL])
    tokenizer.save(str(folder / "tokenizer.json"))
    eos = [tokenizer.token_to_id("<|turn|>"), tokenizer.token_to_id("<|end|>")]
    config = {"max_position_embeddings": 512, "eos_token_id": eos, "bos_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config))
    names = {"chat_template": template, "bos_token": "<|begin|>", "eos_token": "<|turn|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("templates")
    return checkpoints.find(str(model_folder(folder / "own", TEMPLATE)))


@pytest.fixture(scope="module")
def fast(checkpoint: Checkpoint) -> FastTokenizer:
    tokenizer = load_tokenizer(checkpoint)
    assert isinstance(tokenizer, FastTokenizer)
    return tokenizer


@pytest.fixture(scope="module")
def layout(checkpoint: Checkpoint, fast: FastTokenizer) -> TemplateFormat:
    layout = load_format(checkpoint, fast)
    assert isinstance(layout, TemplateFormat)
    return layout


def test_a_conversation_is_laid_out_by_the_models_own_template(layout: TemplateFormat) -> None:
    spelled = layout.spell("Be kind.", [Exchange(" Hi ", "Hello.", 2), Exchange("And?", None, 1)])
    assert spelled == (
        "<|begin|><|start|>system<|end|>\n\nBe kind.<|turn|><|start|>user<|end|>\n\nHi<|turn|>"
        "<|start|>assistant<|end|>\n\nHello.<|turn|><|start|>user<|end|>\n\nAnd?<|turn|>"
        "<|start|>assistant<|end|>\n\n"
    )


def test_an_answer_begun_ends_the_prompt_as_the_template_writes_it(
    layout: TemplateFormat, fast: FastTokenizer
) -> None:
    exchanges = [Exchange("Hi", None, 1, begun="Hello <|end|> th")]
    spelled = layout.spell(None, exchanges)
    assert spelled == (
        "<|begin|><|start|>user<|end|>\n\nHi<|turn|><|start|>assistant<|end|>\n\nHello < |end|> th"
    )
    assert layout.encode(None, exchanges)[-1] not in fast.eos_ids


def test_every_end_that_the_model_names_ends_an_answer(
    checkpoint: Checkpoint, fast: FastTokenizer
) -> None:
    assert len(fast.eos_ids) == 2
    assert fast.eos_ids == checkpoint.eos_ids


@settings(max_examples=300, deadline=None)
@given(persona=HOSTILE, said=HOSTILE, answer=HOSTILE)
def test_people_cannot_write_a_templates_control_tokens(
    layout: TemplateFormat, fast: FastTokenizer, persona: str, said: str, answer: str
) -> None:
    hostile = [Exchange(said, answer, 2), Exchange(said, None, 1)]
    harmless = [Exchange("x", "x", 2), Exchange("x", None, 1)]
    control = set(fast.encode_template("".join(CONTROL)))
    assert len(control) == len(CONTROL)
    found = [i for i in layout.encode(persona, hostile) if i in control]
    expected = [i for i in layout.encode("x", harmless) if i in control]
    assert found == expected


def test_a_template_without_a_system_role_gets_the_persona_in_the_first_message(
    tmp_path: Path,
) -> None:
    checkpoint = checkpoints.find(str(model_folder(tmp_path / "plain", NO_SYSTEM)))
    layout = load_format(checkpoint, load_tokenizer(checkpoint))
    spelled = layout.spell("Be kind.", [Exchange("Hi", "Yes.", 2), Exchange("And?", None, 1)])
    assert spelled.startswith("<|begin|><|start|>user<|end|>\n\nBe kind.\n\nHi<|turn|>")
    assert spelled.count("Be kind.") == 1


def test_the_budget_holds_for_templates_too(checkpoint: Checkpoint, fast: FastTokenizer) -> None:
    builder = load_builder(checkpoint, fast, reserve=512)
    ann = Author("1", "Ann")
    turns = [
        Turn(i, Role.USER if i % 2 == 0 else Role.ASSISTANT, f"{i} the quick brown fox " * 3, ann)
        for i in range(41)
    ]
    prompt = builder.build(Persona("Be kind."), turns, names=True)
    assert len(prompt.ids) <= builder.budget
    assert prompt.dropped > 0
    assert "Be kind." in prompt.text
    assert "Ann: 40 the quick" in prompt.text


def test_a_broken_template_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    broken = "{{ raise_exception('roles must alternate') }}"
    checkpoint = checkpoints.find(str(model_folder(tmp_path / "broken", broken)))
    layout = load_format(checkpoint, load_tokenizer(checkpoint))
    with pytest.raises(ConfigError, match="roles must alternate"):
        layout.spell(None, [Exchange("Hi", None, 1)])


def test_llama_2s_own_template_is_replaced_by_the_exact_format(
    tmp_path: Path, pieces: Path
) -> None:
    folder = model_folder(tmp_path / "llama", "{{ '<<SYS>>' }}")
    (folder / "tokenizer.model").write_bytes(pieces.read_bytes())
    checkpoint = checkpoints.find(str(folder))
    tokenizer = load_tokenizer(checkpoint)
    assert isinstance(tokenizer, SentencePieceTokenizer)
    assert isinstance(load_format(checkpoint, tokenizer), Llama2Format)


def test_a_template_in_a_file_of_its_own_is_found(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "file", TEMPLATE)
    (folder / "chat_template.jinja").write_text("{{ 'from the file' }}")
    assert checkpoints.find(str(folder)).chat_template == "{{ 'from the file' }}"
