"""The sections of the models and of their adapters, frozen, with every default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from bot.settings.units import (
    Addresses,
    Between,
    Duration,
    FilePath,
    Fraction,
    Says,
    Section,
    Whole,
    reads,
)

UNLOADED_AFTER = 600.0
"""Seconds without use after which a model that is not the first leaves the memory."""

OF_LOCAL = frozenset(
    {"device", "dtype", "quantisation", "memory", "stall", "hang", "prefill", "idle", "warm"}
)
OF_ENDPOINT = frozenset(
    {
        "urls",
        "served",
        "api_key",
        "api_key_file",
        "api_key_variable",
        "timeout",
        "token_ids",
    }
)

Title = Annotated[
    str,
    Field(pattern=r"^[^\W_][^\x00-\x1f\x7f/]{0,79}$"),
    Says("a short title that begins with a letter or a digit and has no slash"),
]
ModelName = Annotated[
    str,
    Field(pattern=r"^[^\x00\s](?:[^\x00]*[^\x00\s])?$"),
    Says("demo, a folder or a model's name"),
]
Revision = Annotated[str | None, Field(min_length=1), Says("a branch, tag or commit")]


class ModelSettings(Section):
    """A model that answers, and how much of it at once: in this process, or at an endpoint."""

    title: Title | None = None
    kind: Literal["local", "openai"] = "local"
    name: ModelName = "demo"
    revision: Revision = None
    device: Annotated[
        str,
        Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?|balanced)$"),
        Says('"auto", "cpu", "cuda", "mps" or "balanced"'),
    ] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantisation: Literal["none", "nf4", "int8"] = "none"
    context: Annotated[Whole | None, Between(128, 1_048_576, "tokens")] = None
    memory: Annotated[Fraction | None, Between(0.05, 0.95)] = None
    batch: Annotated[Whole, Between(1, 512, "conversations")] = 16
    queue: Annotated[Whole, Between(1, 10_000, "messages")] = 64
    prefill: Annotated[Whole | None, Between(16, 65_536, "tokens")] = None
    stall: Annotated[Duration, Between(0.01, 60, "s")] = 0.5
    hang: Annotated[Duration, Between(0, 3_600, "s")] = 300.0
    repeats: Annotated[Whole, Between(0, 100_000, "letters")] = 1_000
    idle: Annotated[Duration | None, Between(0, 604_800, "s")] = None
    warm: bool | None = None
    urls: Annotated[Addresses, Says('a list of addresses such as "http://127.0.0.1:8000/v1"')] = ()
    served: Annotated[
        str | None, Field(pattern=r"^\S+$"), Says("the model's name at the endpoint")
    ] = None
    api_key: Annotated[SecretStr | None, reads(r"\S+"), Says("one word")] = None
    api_key_file: FilePath | None = None
    api_key_variable: Annotated[
        str | None, Field(pattern=r"^[A-Za-z_]\w{0,79}$"), Says("the name of a variable")
    ] = None
    timeout: Annotated[Duration, Between(1, 3_600, "s")] = 60.0
    token_ids: Literal["auto", "always", "never"] = "auto"  # noqa: S105

    @property
    def is_local(self) -> bool:
        """Whether the model runs in this process."""
        return self.kind == "local"

    @property
    def files(self) -> str | None:
        """The folder or Hugging Face name of its small files; None if an endpoint has no name."""
        return self.name if self.is_local or "name" in self.model_fields_set else None

    @property
    def label(self) -> str:
        """What to call it where it has no title."""
        name = self.files or self.served or "endpoint"
        return name.rstrip("/").rpartition("/")[2].strip(".") or name

    def mistakes(self) -> Iterator[str]:
        """What its keys do not agree on."""
        strange = OF_ENDPOINT if self.is_local else OF_LOCAL
        for key in sorted(strange & self.model_fields_set):
            yield f'{key} is for kind = "{"openai" if self.is_local else "local"}"'
        if not self.is_local:
            yield from self._lacking()

    def _lacking(self) -> Iterator[str]:
        if not self.urls:
            yield 'kind = "openai" needs urls, such as ["http://127.0.0.1:8000/v1"]'
        if self.served is None:
            yield 'kind = "openai" needs served, the name of the model at the endpoint'
        if self.files is None and self.token_ids == "always":  # noqa: S105
            yield 'token_ids = "always" needs name, whose tokenizer makes the token ids'


class AdapterSettings(Section):
    """A LoRA adapter of one of the models: a folder in PEFT's layout, or a Hugging Face name.

    Of a model at an endpoint, `path` is the adapter's name there.
    """

    name: Title
    path: ModelName
    revision: Revision = None
    model: Title | None = None


def completed(models: Sequence[ModelSettings]) -> tuple[ModelSettings, ...]:
    """The models with a title each; the first one stays loaded, the others leave when idle."""
    taken = {model.title for model in models}
    made = []
    for number, model in enumerate(models):
        first = number == 0
        update: dict[str, Any] = {"title": model.title or _free(model.label, taken)}
        taken.add(update["title"])
        if model.idle is None:
            update["idle"] = 0.0 if first else UNLOADED_AFTER
        if model.warm is None:
            update["warm"] = first
        made.append(model.model_copy(update=update))
    return tuple(made)


def _free(label: str, taken: set[str | None]) -> str:
    number, title = 1, label
    while title in taken:
        number += 1
        title = f"{label} {number}"
    return title
