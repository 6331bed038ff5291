"""A checkpoint that other programs can serve, and `transformers serve` serving it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
import tokenizers
from tokenizers import decoders, models, normalizers

from tests.checkpoints import make_checkpoint

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content + "
    "' [/INST]' }}{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
"""Llama 2's, without a persona."""

FIRST_PIECE = 3 + 256
"""After unknown, begin, end and the bytes."""

START = 300.0
TAKEN = "address already in use"


def save_for_serving(folder: Path, *, head_dim: int = 16) -> Path:
    """The tests' small Llama with a `tokenizer.json` and a chat template."""
    from transformers import PreTrainedTokenizerFast

    make_checkpoint(folder, context=512, head_dim=head_dim)
    _leave_out_bytes(folder / "model.safetensors")
    made = PreTrainedTokenizerFast(
        tokenizer_object=_converted(folder / "tokenizer.model"),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
    return folder


def _leave_out_bytes(path: Path) -> None:
    """Make bytes unlikely: the tokenizers library fails on a stream of those that are no text."""
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    weights["lm_head.weight"][:FIRST_PIECE] = 0.0
    save_file(weights, path, metadata={"format": "pt"})


def _converted(path: Path) -> tokenizers.Tokenizer:
    """The same pieces as the tokenizers library has them: merges in the order of the vocabulary."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
    vocabulary = {pieces.IdToPiece(i): i for i in range(pieces.vocab_size())}
    merges = [
        (vocabulary[piece], piece[:at], piece[at:])
        for piece in vocabulary
        for at in range(1, len(piece))
        if piece[:at] in vocabulary and piece[at:] in vocabulary
    ]
    model = models.BPE(
        vocab=vocabulary,
        merges=[(left, right) for _, left, right in sorted(merges)],
        unk_token="<unk>",
        byte_fallback=True,
        fuse_unk=True,
    )
    made = tokenizers.Tokenizer(model)
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return int(line.getsockname()[1])


@dataclass(frozen=True)
class Served:
    """A server of its own process."""

    url: str
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """It is gone at once, in the middle of whatever it does."""
        self.process.kill()
        await self.process.wait()

    def freeze(self) -> None:
        """It takes connections and says nothing."""
        self.process.send_signal(signal.SIGSTOP)


@asynccontextmanager
async def transformers_serve(checkpoint: Path) -> AsyncIterator[Served]:
    """A server, started for the test and ended with it."""
    command = str(Path(sys.executable).with_name("transformers"))
    options = ("--device", "cpu", "--log-level", "info")
    async with _serving((command, "serve", str(checkpoint), *options)) as server:
        yield server


@asynccontextmanager
async def vllm_serve(python: str, checkpoint: Path) -> AsyncIterator[Served]:
    """vLLM on the CPU, by an interpreter that has it."""
    command = (python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint))
    options = ("--dtype", "float32", "--max-model-len", "512", "--enforce-eager")
    async with _serving(
        (*command, *options), VLLM_CPU_KVCACHE_SPACE="1", VLLM_NO_USAGE_STATS="1"
    ) as server:
        yield server


@asynccontextmanager
async def _serving(command: Sequence[str], **more: str) -> AsyncIterator[Served]:
    port = free_port()
    process = await _launched(command, port, more)
    try:
        if TAKEN in (failure := await _started(process)).lower():  # somebody else was quicker
            port = free_port()
            process = await _launched(command, port, more)
            failure = await _started(process)
        assert not failure, f"the server did not start:\n{failure}"
        yield Served(f"http://127.0.0.1:{port}/v1", process)
    finally:
        if process.returncode is None:
            process.terminate()
            process.send_signal(signal.SIGCONT)
        await process.communicate()


async def _launched(
    command: Sequence[str], port: int, more: Mapping[str, str]
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        *("--port", str(port), "--host", "127.0.0.1"),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def _started(process: asyncio.subprocess.Process) -> str:
    """Until uvicorn, by which both listen, says that it does; else what is said instead."""
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(START):
        async for line in process.stdout:
            said += line
            if b"Uvicorn running" in line or b"Application startup complete" in line:
                return ""
    return said.decode()
