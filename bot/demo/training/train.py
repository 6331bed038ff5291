"""Trains the demonstration model: `python -m bot.demo.training.train --seed 0 --steps 2700`."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import islice
from pathlib import Path
from random import Random

import structlog
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Muon, Optimizer
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from bot.demo import CHECKPOINT
from bot.demo.training.batches import IGNORED, Rows, batches
from bot.demo.training.encoding import BOS, EOS
from bot.demo.training.tokenizer import load_pieces, train_tokenizer
from bot.demo.training.unsaid import bad_words

CONTEXT = 2048
PIECES = 2048
LESSONS = 0.5

log = structlog.get_logger(__name__)


def shape() -> LlamaConfig:
    """The demonstration model's architecture: Llama with grouped-query attention."""
    return LlamaConfig(
        vocab_size=PIECES,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )


class Average:
    """A running mean of the weights, which is what gets saved."""

    def __init__(self, parameters: Iterable[Parameter], decay: float) -> None:
        self._live: list[Tensor] = list(parameters)
        self._mean = [parameter.detach().clone() for parameter in self._live]
        self._decay = decay
        self._steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of this step in."""
        self._steps += 1
        decay = min(self._decay, self._steps / (self._steps + 10))
        torch._foreach_lerp_(self._mean, self._live, 1 - decay)

    @torch.no_grad()
    def install(self, model: LlamaForCausalLM) -> LlamaForCausalLM:
        """A copy of the model with the mean as its weights."""
        copied = deepcopy(model)
        for weights, mean in zip(copied.parameters(), self._mean, strict=True):
            weights.copy_(mean)
        return copied


class Training:
    """The model, its optimizers and the step that they take together."""

    def __init__(self, model: LlamaForCausalLM, steps: int) -> None:
        self._model = model
        self._steps = steps
        self._optimizers = _optimizers(model)
        self._rates = [group["lr"] for group in self._groups()]
        self.average = Average(model.parameters(), decay=0.995)

    def step(self, number: int, ids: Tensor, targets: Tensor) -> float:
        """Learn one batch; returns the loss."""
        for group, rate in zip(self._groups(), self._rates, strict=True):
            group["lr"] = rate * _schedule(number, self._steps)
        loss = self._loss(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.update()
        return loss.item()

    def _loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = self._model.model(input_ids=ids, use_cache=False).last_hidden_state
            learned = targets != IGNORED
            scores = self._model.lm_head(hidden[learned])
        return cross_entropy(scores.float(), targets[learned])

    def _groups(self) -> list[dict[str, float]]:
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]


def _optimizers(model: LlamaForCausalLM) -> list[Optimizer]:
    """Muon for the matrices between the layers, AdamW for embeddings and norms."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    norms = [p for p in model.parameters() if p.ndim == 1]
    embeddings = [model.model.embed_tokens.weight]
    return [
        Muon(matrices, lr=0.02, weight_decay=0.02, adjust_lr_fn="original"),
        AdamW([{"params": embeddings, "lr": 3e-3}, {"params": norms, "lr": 2e-3}],
              betas=(0.9, 0.98), weight_decay=0.0),
    ]  # fmt: skip


def _schedule(step: int, steps: int) -> float:
    """Warm up over 100 steps, stay, and fall to nothing over the last half."""
    return min(1.0, (step + 1) / 100, (steps - step) / (0.5 * steps))


def train(seed: int, steps: int, tokens: int, folder: Path) -> None:
    """Train from nothing; the checkpoint is written now and then, and at the end."""
    torch.manual_seed(seed)
    began = time.perf_counter()
    tokenizer = train_tokenizer(seed, pieces=PIECES)
    model = LlamaForCausalLM(shape())
    training, seen, mean = Training(model, steps), 0, 0.0
    stream = curriculum(Rows(load_pieces(tokenizer), seed + 1, CONTEXT), seed, steps, tokens)
    for number, (ids, targets) in enumerate(stream, start=1):
        loss = training.step(number, ids, targets)
        seen += ids.numel()
        mean = mean + max(1 / number, 0.05) * (loss - mean)
        seconds = round(time.perf_counter() - began)
        if number % 50 == 0:
            log.info("step", number=number, loss=round(mean, 4), tokens=seen, seconds=seconds)
        if number % 400 == 0 or number == steps:
            facts = {"seed": seed, "steps": number, "of": steps, "tokens": seen, "seconds": seconds}
            save(training.average.install(model), tokenizer, folder, facts)


def curriculum(rows: Rows, seed: int, steps: int, tokens: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Short lessons first, which show many questions in little time; then whole dialogues."""
    rng, lessons = Random(seed), round(LESSONS * steps)
    yield from islice(batches(rows.lesson, rng, tokens=tokens), lessons)
    yield from islice(batches(rows.dialogue, rng, tokens=tokens), steps - lessons)


def save(model: LlamaForCausalLM, tokenizer: bytes, folder: Path, facts: dict[str, int]) -> None:
    """Write an ordinary checkpoint in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    (folder / "tokenizer.model").write_bytes(tokenizer)
    generation = GenerationConfig(do_sample=False, bos_token_id=BOS, eos_token_id=EOS)
    generation.bad_words_ids = bad_words(load_pieces(tokenizer))
    # Not by save_pretrained, which has a line for each of their tokens.
    write(folder / "generation_config.json", generation.to_diff_dict())
    about = {**facts, "torch": torch.__version__, "threads": torch.get_num_threads()}
    write(folder / "training.json", about)


def write(path: Path, facts: Mapping[str, object]) -> None:
    """As JSON with a line for each fact."""
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(fact)}" for name, fact in facts.items())
    path.write_text(f"{{\n{lines}\n}}\n", "utf-8")


def _arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2700)
    parser.add_argument("--tokens", type=int, default=4096, help="tokens in a batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=CHECKPOINT)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = _arguments()
    torch.set_num_threads(chosen.threads)
    train(chosen.seed, chosen.steps, chosen.tokens, chosen.out)
