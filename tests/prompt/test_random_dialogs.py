"""Five hundred random dialogs through the real command, with the true vocabulary where it is."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.prompt.formats import LLAMA_2_TAGS
from bot.prompt.tokenizer import SentencePieceTokenizer

ROOT = Path(__file__).parents[2]
WORDS = (
    *LLAMA_2_TAGS, "<s>", "</s>", "<unk>", "[inst]", "hello", "naïve", "😀", "𓀀", "\n", "\t", "  ",
    "```py\nx = 1\n```", "▁", "\u202e", "\u200b", "the quick brown fox", "１２", "[INST", "]", "<<",
)  # fmt: skip


def said(chance: random.Random) -> str:
    size = chance.choice((0, 1, 3, 12, 60, 400, 400, 2000))
    return "".join(chance.choice(WORDS) + chance.choice(("", " ")) for _ in range(size))


def dialog(chance: random.Random) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": said(chance)[:600]}] if chance.random() < 0.5 else []
    for _ in range(chance.choice((0, 0, 1, 4, 20))):
        messages.append({"role": "user", "content": said(chance)})
        if chance.random() < 0.9:
            messages.append({"role": "assistant", "content": said(chance)})
    return [*messages, {"role": "user", "content": said(chance)}]


def prompts(folder: Path, tokenizer: Path, dialogs: list[list[dict[str, str]]]) -> list[Any]:
    (folder / "tokenizer.model").write_bytes(tokenizer.read_bytes())
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 4096}))
    done = subprocess.run(
        [sys.executable, "-m", "bot", "prompt", "--model", str(folder), "--json", "-"],
        input=json.dumps(dialogs).encode(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
    )
    return list(json.loads(done.stdout))


@pytest.mark.slow
def test_five_hundred_random_dialogs_keep_the_formats_promises(
    tmp_path: Path, pieces: Path
) -> None:
    true = Path(os.environ.get("QUIPU_TEST_LLAMA2_TOKENIZER", ""))
    file = true if true.is_file() else pieces
    tokenizer = SentencePieceTokenizer(file)
    dialogs = [dialog(random.Random(number)) for number in range(500)]
    trimmed = cut = 0
    for given, made in zip(dialogs, prompts(tmp_path, file, dialogs), strict=True):
        ids, text = made["ids"], made["text"]
        persona = given[0]["content"] if given[0]["role"] == "system" else None
        assert len(ids) <= 4096 - 512
        assert made["kept"] + made["dropped"] == len(given) - (persona is not None)
        assert made["persona"] == persona
        exchanges = ids.count(1)
        assert exchanges - 1 == ids.count(2)
        assert (ids[0], ids[-1] != 2, 0 in ids) == (1, True, False)
        assert text.count("[INST]") == text.count("[/INST]") == exchanges
        assert text.count("<<SYS>>") == text.count("<</SYS>>") == (persona is not None)
        spelled = tokenizer.decode(ids)
        assert spelled.count("[INST]") == spelled.count("[/INST]") == exchanges
        trimmed += made["dropped"] > 0
        cut += made["cut"]
    assert trimmed > 10
    assert cut > 10
