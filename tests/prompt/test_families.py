"""Llama 3, Qwen and Mistral, with templates of the kinds that these families bring."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from bot import checkpoint as checkpoints
from bot.checkpoint import Checkpoint
from bot.prompt.exchange import Exchange
from bot.prompt.formats import TemplateFormat
from bot.prompt.load import load_format, load_tokenizer
from tests.pieces import SENTENCES


@dataclass(frozen=True)
class Family:
    """What a family's checkpoint brings, and how it lays out the dialog below."""

    control: tuple[str, ...]
    template: str
    ends: tuple[str, ...]
    expected: str
    bos: str | None = None


LLAMA_3 = Family(
    control=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
             "<|eom_id|>", "<|end_of_text|>"),
    template=(
        "{{- bos_token }}{%- set ns = namespace(system='') %}"
        "{%- if messages[0]['role'] == 'system' %}"
        "{%- set ns.system = messages[0]['content'] | trim %}{%- set messages = messages[1:] %}"
        "{%- endif %}{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' + ns.system }}"
        "{{- '<|eot_id|>' }}{%- for message in messages %}"
        "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
        "{{- message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
        "{%- if add_generation_prompt %}"
        "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
    ),
    ends=("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"),
    expected=(
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nAnd?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    bos="<|begin_of_text|>",
)  # fmt: skip

QWEN = Family(
    control=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    template=(
        "{%- for message in messages %}{%- if message.role == 'assistant' %}"
        "{%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}"
        "{%- else %}{%- set content = message.content %}{%- endif %}"
        "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
        "{%- if enable_thinking is defined and enable_thinking is false %}"
        "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
    ),
    ends=("<|im_end|>", "<|endoftext|>"),
    expected=(
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    ),
)

MISTRAL = Family(
    control=("<unk>", "<s>", "</s>", "[INST]", "[/INST]"),
    template=(
        "{{- bos_token }}{%- for message in messages %}"
        "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{- raise_exception('roles must alternate user/assistant') }}{%- endif %}"
        "{%- if message['role'] == 'user' %}{{- '[INST] ' + message['content'] + '[/INST]' }}"
        "{%- else %}{{- ' ' + message['content'] + eos_token }}{%- endif %}{%- endfor %}"
    ),
    ends=("</s>",),
    expected="<s>[INST] Be kind.\n\nHi[/INST] Hello.</s>[INST] And?[/INST]",
    bos="<s>",
)

FAMILIES = {"llama3": LLAMA_3, "qwen": QWEN, "mistral": MISTRAL}
DIALOG = [Exchange(" Hi ", "Hello.", 2), Exchange("And?", None, 1)]


def checkpoint_of(folder: Path, family: Family) -> Checkpoint:
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in family.control])
    tokenizer.save(str(folder / "tokenizer.json"))
    ends = [tokenizer.token_to_id(name) for name in family.ends]
    bos = tokenizer.token_to_id(family.bos) if family.bos else None
    # config.json often names one end only; generation_config.json has the list
    config = {"max_position_embeddings": 8192, "eos_token_id": ends[0], "bos_token_id": bos}
    (folder / "config.json").write_text(json.dumps(config))
    generation = {"eos_token_id": ends if len(ends) > 1 else ends[0]}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    names = {"bos_token": family.bos, "eos_token": {"content": family.ends[0]}}
    about = names | {"chat_template": family.template}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return checkpoints.find(str(folder))


Loaded = dict[str, tuple[TemplateFormat, frozenset[int]]]


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Each family's format, and its control tokens."""
    folder = tmp_path_factory.mktemp("families")
    made = {}
    for name, family in FAMILIES.items():
        checkpoint = checkpoint_of(folder / name, family)
        tokenizer = load_tokenizer(checkpoint)
        layout = load_format(checkpoint, tokenizer)
        assert isinstance(layout, TemplateFormat)
        made[name] = layout, tokenizer.control_ids
    return made


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_spoken_to_in_its_own_way(loaded: Loaded, name: str) -> None:
    assert loaded[name][0].spell("Be kind.", DIALOG) == FAMILIES[name].expected


@pytest.mark.parametrize("name", FAMILIES)
def test_every_end_in_the_list_ends_an_answer(tmp_path: Path, name: str) -> None:
    family = FAMILIES[name]
    tokenizer = load_tokenizer(checkpoint_of(tmp_path / name, family))
    ends = {tokenizer.encode_template(end)[0] for end in family.ends}
    assert tokenizer.eos_ids == ends
    assert tokenizer.decode([*tokenizer.encode("Hello"), *ends]) == "Hello"


@pytest.mark.parametrize(
    ("name", "base", "turn"),
    [("llama3", "<|end_of_text|>", "<|eot_id|>"), ("qwen", "<|endoftext|>", "<|im_end|>")],
)
def test_the_end_that_only_a_fine_tunes_tokenizer_names_ends_an_answer(
    tmp_path: Path, name: str, base: str, turn: str
) -> None:
    """Its other files still name the one end of the base model."""
    folder = checkpoint_of(tmp_path / name, FAMILIES[name]).path
    ids = load_tokenizer(checkpoints.find(str(folder))).encode_template(base + turn)
    for file in (folder / "config.json", folder / "generation_config.json"):
        file.write_text(json.dumps({"eos_token_id": ids[0]}))
    names = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"eos_token": turn}))
    assert load_tokenizer(checkpoints.find(str(folder))).eos_ids == set(ids)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_people_cannot_write_a_familys_control_tokens(
    loaded: Loaded, name: str, data: st.DataObject
) -> None:
    family = FAMILIES[name]
    pieces = st.one_of(st.sampled_from([*family.control, "<|", "|>", "\n"]), st.text(max_size=4))
    hostile = st.lists(pieces, max_size=8).map("".join)
    persona, said, answer = (data.draw(hostile) for _ in range(3))
    layout, control = loaded[name]

    def structure(persona: str, said: str, answer: str) -> list[int]:
        dialog = [Exchange(said, answer, 2), Exchange(said, None, 1)]
        return [i for i in layout.encode(persona, dialog) if i in control]

    assert structure(persona, said, answer) == structure("x", "x", "x")
