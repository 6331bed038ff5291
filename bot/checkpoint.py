"""A model's files on disk: found by folder or by Hugging Face name, read without torch."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import ConfigError
from bot.values import Sampling

DEMO = "demo"
LLAMA_2_CONTEXT = 4096
"""Llama 2's context; Meta's params.json does not say it."""
LONG_ROPE = ("longrope", "su")
"""The kinds of rotary embeddings with two sets of frequencies; "su" is the older name."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder in the layout of `save_pretrained`, and what its small files say.

    `context` is what this process computes as the model was trained; `longest` is more where a
    server that computes one conversation apart from the other can have more.
    """

    path: Path
    name: str
    context: int
    longest: int
    eos_ids: frozenset[int]
    bos_id: int | None
    chat_template: str | None
    eos_token: str = ""
    generation: dict[str, Any] = field(default_factory=dict)


def find(name: str, *, revision: str | None = None, weights: bool = True) -> Checkpoint:
    """The checkpoint called `demo`, in folder `name`, or named so on Hugging Face.

    Downloads what is not in the local cache yet; without `weights` only the small files.
    Raises ConfigError with words that say what to do.
    """
    if name == DEMO:
        from bot.demo import CHECKPOINT

        return read(CHECKPOINT, name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return read(folder, name)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ConfigError(
            f"model {name!r} is neither a folder nor a Hugging Face name such as "
            "meta-llama/Llama-2-7b-chat-hf; set model.name to one of them, or to 'demo'"
        )
    return read(download(name, revision, weights=weights), name)


def read(folder: Path, name: str) -> Checkpoint:
    """Read the small files of a checkpoint folder."""
    if not (folder / "config.json").is_file():
        raise ConfigError(_what_is_missing(folder))
    config = _json(folder / "config.json")
    generation = _json(folder / "generation_config.json")
    tokenizer = _json(folder / "tokenizer_config.json")
    text_config = config.get("text_config") or config
    eos = generation.get("eos_token_id", config.get("eos_token_id"))
    return Checkpoint(
        path=folder,
        name=name,
        context=context_of(text_config),
        longest=int(text_config.get("max_position_embeddings") or LLAMA_2_CONTEXT),
        eos_ids=frozenset(eos if isinstance(eos, list) else [] if eos is None else [eos]),
        bos_id=generation.get("bos_token_id", config.get("bos_token_id")),
        chat_template=_chat_template(folder, tokenizer),
        eos_token=spelled(tokenizer.get("eos_token")),
        generation=generation,
    )


def spelled(token: object) -> str:
    """A special token as tokenizer_config.json names it, by its text or with more about it."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def context_of(config: Mapping[str, Any]) -> int:
    """Tokens up to which a model of this configuration answers each alike, whoever is beside it.

    With "longrope" (Phi-3) all positions of a step are turned by the frequencies of the longest
    conversation in it, and those change where the original context ends. A model that slides over
    its context (Mistral) attends like any other within its window.
    """
    most = int(config.get("max_position_embeddings") or LLAMA_2_CONTEXT)
    rope = config.get("rope_scaling") or config.get("rope_parameters")
    by_layer = rope.values() if isinstance(rope, dict) else ()
    for each in (rope, *by_layer):
        if isinstance(each, dict) and each.get("rope_type", each.get("type")) in LONG_ROPE:
            first = config.get("original_max_position_embeddings")
            most = min(most, int(first or each.get("original_max_position_embeddings") or most))
    slides = config.get("use_sliding_window") is not False
    return min(most, int((slides and config.get("sliding_window")) or most))


def _what_is_missing(folder: Path) -> str:
    if (folder / "params.json").is_file():
        return (
            f"{folder} holds Meta's own files (params.json, consolidated.*.pth); convert them "
            f"once with: quipu models import {shlex.quote(str(folder))} NEW_FOLDER, and set "
            "model.name to the new folder"
        )
    return f"{folder} holds no config.json, so it is not a model's folder"


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} cannot be read: it holds no JSON object")
    return value


def _chat_template(folder: Path, tokenizer: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = tokenizer.get("chat_template")
    if isinstance(template, list):  # several named templates: the default one
        named = {entry.get("name"): entry.get("template") for entry in template}
        template = named.get("default")
    return template if isinstance(template, str) else None


def download(name: str, revision: str | None, *, weights: bool) -> Path:
    """The folder of a Hugging Face name, without any request if it is complete on this machine.

    A branch stands for what was fetched last; `quipu models download` looks for something newer.
    """
    from bot.checkpoints import cache, hub
    from bot.checkpoints.failures import Unreachable
    from bot.checkpoints.progress import Logged

    if found := cache.whole(name, revision, weights=weights):
        return found
    try:
        return hub.download(hub.plan(name, revision, weights=weights), Logged(name))
    except Unreachable:
        if found := cache.usable(name, revision, weights=weights):
            return found
        raise


def recommended(checkpoint: Checkpoint) -> Sampling:
    """What the model's own generation_config.json asks for, else Llama 2's reference values."""
    own = checkpoint.generation
    usual = Sampling()
    if own.get("do_sample") is False:
        temperature = 0.0
    else:
        temperature = float(own.get("temperature") or usual.temperature)
    return Sampling(
        max_new_tokens=int(own.get("max_new_tokens") or usual.max_new_tokens),
        temperature=temperature,
        top_p=float(own.get("top_p") or usual.top_p),
        top_k=int(own.get("top_k") or usual.top_k),
        min_p=float(own.get("min_p") or usual.min_p),
        repetition_penalty=float(own.get("repetition_penalty") or usual.repetition_penalty),
    )
