"""Whether a model's folder is sound, told by its small files and the heads of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from bot.checkpoint import DEMO, Checkpoint
from bot.checkpoints.files import lacking, shards
from bot.errors import QuipuError
from bot.prompt.formats import Llama2Format, TemplateFormat
from bot.prompt.load import load_builder, load_format, load_tokenizer
from bot.prompt.tokenizer import Tokenizer
from bot.values import Finding, Persona, Prompt, Role, Turn

AGAIN = "fetch it again: quipu models download NAME, or quipu models import SRC DEST"
Shapes = dict[str, tuple[int, ...]]

SPEAKERS = ("chat", "instruct", DEMO)
"""A name without any of these is mostly that of a base model."""
SHOWN = 3
"""So many names of tensors stand for all that are wrong."""


def examine(found: Checkpoint) -> Iterator[Finding]:
    """Everything that loading would stumble over; no weights are read."""
    yield Finding("ok", f"{found.name} is in {found.path}, context {found.context:,} tokens")
    yield from _tokenizer(found)
    if missing := lacking(found.path, weights=True):
        yield Finding("error", f"it lacks {', '.join(missing[:SHOWN])}", _how_to_complete(found))
        return
    held: Shapes = {}
    damaged = []
    for name in shards(found.path):
        try:
            held |= _shapes(found.path / name)
        except (OSError, SafetensorError) as error:
            damaged.append(Finding("error", f"{name} is damaged: {error}", AGAIN))
    yield from damaged
    if not damaged:
        yield from _weights(found, held)


def first_prompt(found: Checkpoint, persona: str) -> Prompt:
    """The prompt of a conversation's first message, as the model would see it."""
    builder = load_builder(found, load_tokenizer(found), reserve=512)
    return builder.build(Persona(persona), [Turn(1, Role.USER, "Hello, who are you?")], names=False)


def _tokenizer(found: Checkpoint) -> Iterator[Finding]:
    try:
        tokenizer = load_tokenizer(found)
        layout = load_format(found, tokenizer)
        first_prompt(found, "")
        ending = layout.ending() if isinstance(layout, TemplateFormat) else ""
    except QuipuError as error:
        yield Finding("error", str(error), AGAIN)
        return
    yield Finding("ok", f"tokenizer with {tokenizer.vocab_size:,} tokens")
    names = {TemplateFormat: "the model's own template", Llama2Format: "Llama 2's"}
    kind = names.get(type(layout), "Code Llama 70B's")
    yield Finding("ok", f"chat format: {kind}")
    if found.chat_template is None and not any(word in _title(found) for word in SPEAKERS):
        yield Finding(
            "warning",
            "it brings no chat template, and neither chat nor instruct is in its name",
            "a base model goes on with a text instead of answering; take the chat variant",
        )
    yield from _ends(tokenizer, ending)


def _ends(tokenizer: Tokenizer, ending: str) -> Iterator[Finding]:
    """Whether an answer will end where the model means it to."""
    if not any(token < tokenizer.vocab_size for token in tokenizer.eos_ids):
        mend = "name eos_token_id in its generation_config.json"
        yield Finding("warning", "no token ends an answer, so it runs to its length", mend)
    elif ending and tokenizer.eos_ids.isdisjoint(tokenizer.encode_template(ending)):
        # Some templates write past answers with another token than the model itself ends with.
        text = f"its template puts {ending} behind an answer, which does not end one here"
        mend = "if its answers run on, look at eos_token_id in its generation_config.json"
        yield Finding("warning", text, mend)


def _title(found: Checkpoint) -> str:
    return f"{found.name} {found.path.name}".lower()


def _how_to_complete(found: Checkpoint) -> str:
    if any(found.path.glob("*.bin")) or any(found.path.glob("*.pth")):
        return "pickle files are not loaded; take a copy with *.safetensors"
    if found.name.count("/") == 1 and not Path(found.name).exists():
        return f"quipu models download {found.name}"
    return AGAIN


def _weights(found: Checkpoint, held: Shapes) -> Iterator[Finding]:
    from bot.generation.weights.expected import expected_shapes

    try:
        wanted = expected_shapes(found.path)
    except QuipuError as error:
        yield Finding("error", str(error), "choose a model that transformers knows")
        return
    size = sum((found.path / name).stat().st_size for name in shards(found.path))
    text = f"{len(held):,} tensors, {size / 1e9:.2f} GB, every file whole"
    if wanted is None:
        mend = "quipu run tells when it loads them"
        yield Finding("warning", f"{text}; their shapes were not compared with the config", mend)
        return
    if absent := sorted(set(wanted) - set(held)):
        yield Finding("error", f"{len(absent)} tensors are absent: {_some(absent)}", AGAIN)
    wrong = sorted(name for name in set(wanted) & set(held) if wanted[name] != held[name])
    if wrong:
        first = wrong[0]
        text = f"{len(wrong)} tensors do not fit config.json: {first} is {held[first]}, not "
        yield Finding("error", f"{text}{wanted[first]}", AGAIN)
    if not absent and not wrong:
        yield Finding("ok", f"{text}, all as config.json says")


def _shapes(file: Path) -> Shapes:
    """Reads the head of the file and compares it with the file's length, nothing more."""
    with safe_open(file, framework="numpy") as tensors:
        names = list(tensors.keys())
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in names}


def _some(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
