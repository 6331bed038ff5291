"""What all tests share: small models of their own, and outside facts where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bot.prompt.tokenizer import SentencePieceTokenizer, Tokenizer
from tests.pieces import train_pieces

pytest_plugins = ["tests.loopback.plugin"]

# No test fails because the machine has other things to do.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for each processor: the platforms' tests wait for half of their time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small `tokenizer.model`."""
    path = tmp_path_factory.mktemp("pieces") / "tokenizer.model"
    path.write_bytes(train_pieces())
    return path


@pytest.fixture(scope="session")
def tokenizer(pieces: Path) -> Tokenizer:
    return SentencePieceTokenizer(pieces)


def outside(variable: str) -> Path:
    """A file of facts from outside, or the test is left out."""
    path = Path(os.environ.get(variable, ""))
    if not path.is_file():
        pytest.skip(f"{variable} names no file")
    return path


@pytest.fixture(scope="session")
def llama2_tokenizer() -> Tokenizer:
    """The true Llama 2 vocabulary, where it is at hand."""
    return SentencePieceTokenizer(outside("QUIPU_TEST_LLAMA2_TOKENIZER"))


@pytest.fixture(scope="session")
def golden_prompts() -> list[dict[str, Any]]:
    """Dialogs with the prompt that Meta's rules give."""
    value = json.loads(outside("QUIPU_TEST_LLAMA2_GOLDEN").read_text(encoding="utf-8"))
    return list(value)
