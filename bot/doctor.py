"""What `quipu doctor` can find out without storage and platforms: configuration, disk and model."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from bot import checkpoint
from bot.checkpoint import Checkpoint
from bot.checkpoints.files import lacking
from bot.errors import ModelLoadError, QuipuError
from bot.extras import to_install
from bot.generation.weights.amounts import in_bytes
from bot.settings import Settings, find
from bot.settings.models import AdapterSettings, ModelSettings
from bot.values import Finding

LITTLE_DISK = 1_000_000_000
"""Bytes below which the disk should be looked after."""
NO_DISK = 50_000_000
"""Bytes below which SQLite will soon refuse to write."""
SHOWN = 3
"""How many of the files that are lacking are named."""

GET_WEIGHTS = "convert or download the model's *.safetensors files into its folder"
USE_LESS = (
    "choose a smaller model, model.dtype bfloat16 or float16, or a smaller model.context, "
    "or stop other programs"
)

STOP_FIRST = "to know it for certain, stop that one and ask again; it takes memory itself"


def configuration(settings: Settings, asked: Path | None = None) -> Finding:
    """Which file was read, and where this Quipu would speak."""
    file = find(asked)
    source = f"configuration file {file}" if file else "no configuration file, all defaults"
    speaks = " and ".join(settings.connects) or "the terminal"
    return Finding("ok", f"{source}; speaks in {speaks}")


def data_folder(settings: Settings) -> list[Finding]:
    """Whether the data folder can be written to, and has room."""
    folder = settings.data.folder
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    mend = "make it writable for this user, or set data.folder to another one"
    if not existing.is_dir() or not _writable(existing):
        return [Finding("error", f"the data folder {folder} cannot be written to", mend)]
    free = shutil.disk_usage(existing).free
    text = f"data folder {folder}, {in_bytes(free)} free"
    if free < NO_DISK:
        return [Finding("error", text, "make room: the database cannot grow any more")]
    return [Finding("warning" if free < LITTLE_DISK else "ok", text, _make_room(free))]


def model(settings: Settings, *, running: bool = False) -> list[Finding]:
    """Whether the default model is there, readable and small enough for this machine.

    While a Quipu is `running` here, what is free says little of what there could be. Downloads the
    small files of what has a Hugging Face name, never weights.
    """
    asked = settings.model
    try:
        found = checkpoint.find(asked.name, revision=asked.revision, weights=False)
        files = [*_files(found, asked), *_weights(found)]
        fitting = [*_libraries(settings), *_fit(found, asked, running=running)]
        return [*files, *fitting, *_adapters(found, settings.adapters)]
    except QuipuError as error:
        return [Finding("error", f"model {asked.name}: {error}", "see section [model]")]


def _files(found: Checkpoint, asked: ModelSettings) -> list[Finding]:
    from bot.prompt.load import load_tokenizer

    tokenizer = load_tokenizer(found)
    about = f"context {found.context:,} tokens, vocabulary {tokenizer.vocab_size:,}"
    return [Finding("ok", f"model {found.name} in {found.path}: {about}"), *_pinned(found, asked)]


def _pinned(found: Checkpoint, asked: ModelSettings) -> list[Finding]:
    """How to keep the files of today, where a name can come to mean others."""
    commit = found.path.name
    if found.path.parent.name != "snapshots" or asked.revision == commit:
        return []
    text = f"model {found.name} is what {asked.revision or 'main'} stood for when it was fetched"
    return [Finding("ok", text, f'to stay with it, whoever changes that: revision = "{commit}"')]


def _weights(found: Checkpoint) -> list[Finding]:
    """Whether the weights are there, or are going to be."""
    missing = lacking(found.path, weights=True)
    if not missing:
        return []
    if Path(found.name).expanduser().is_dir() or found.name == checkpoint.DEMO:
        return [Finding("error", f"{found.path} lacks {_listed(missing)}", GET_WEIGHTS)]
    mend = "nothing to mend; it takes time and disk"
    return [Finding("warning", "quipu run will download the model's weights", mend)]


def _listed(names: list[str]) -> str:
    """The first few of them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _libraries(settings: Settings) -> Iterator[Finding]:
    """What the precision and the adapters need and is not installed."""
    from bot.generation.weights.placement import make_plan
    from bot.generation.weights.quantisation import lacks_bitsandbytes

    asked = settings.model
    # How many parameters there are makes no difference to what is needed.
    plan = make_plan(0, device=asked.device, dtype=asked.dtype, quantisation=asked.quantisation)
    if lacks_bitsandbytes(plan):
        text = f"quantisation {asked.quantisation} needs bitsandbytes, which is not installed"
        yield Finding("error", text, f"install it: {to_install('quantisation')}")
    if settings.adapters and find_spec("peft") is None:
        text = "[[adapters]] need the library peft, which is not installed"
        yield Finding("error", text, f"install it: {to_install('peft')}")


def _fit(found: Checkpoint, settings: ModelSettings, *, running: bool) -> list[Finding]:
    """Whether the model fits, on the device and in the precision that loading will choose."""
    from bot.generation.weights.fit import fit

    try:
        fitting = fit(
            found.path,
            device=settings.device,
            dtype=settings.dtype,
            quantisation=settings.quantisation,
            context=settings.context,
            share=settings.memory,
        )
    except ModelLoadError as error:
        return [Finding("warning", f"whether it fits cannot be said: {error}", USE_LESS)]
    if fitting.whole:
        return [Finding("ok", str(fitting))]
    if running and not fitting.never:
        return [Finding("warning", f"beside the Quipu that is running, it {fitting}", STOP_FIRST)]
    mend = "; ".join(fitting.remedies) or USE_LESS
    return [Finding("warning" if fitting.fits else "error", str(fitting), mend)]


def _adapters(found: Checkpoint, adapters: Sequence[AdapterSettings]) -> Iterator[Finding]:
    """Whether each is there and suits the model, as far as that shows without its numbers."""
    if not adapters or find_spec("peft") is None:
        return
    from bot.engines.adapters import adapter_folder
    from bot.generation.adapters.folder import examine_adapter

    for each in adapters:
        here = Path(each.path).expanduser().is_dir()
        try:
            folder = adapter_folder(each.path, each.revision, weights=False)
            base = examine_adapter(each.name, folder, found.path, whole=here)
        except QuipuError as error:
            yield Finding("error", str(error), "see section [[adapters]]")
        else:
            yield _about_adapter(each.name, base, lacks=bool(lacking(folder, weights=True)))


def _about_adapter(name: str, base: str, *, lacks: bool) -> Finding:
    if base:
        text = f"adapter {name} was made for {base}, which may be this model by another name"
        return Finding("warning", text, "if it is not, take an adapter of this model")
    if lacks:
        text = f"quipu run will download the weights of adapter {name}"
        return Finding("warning", text, "nothing to mend; it takes time and disk")
    return Finding("ok", f"adapter {name} suits the model")


def _writable(folder: Path) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _make_room(free: int) -> str:
    return "" if free >= LITTLE_DISK else "make room, or set data.folder to a larger disk"
