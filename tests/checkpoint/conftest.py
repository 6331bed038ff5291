"""A loopback hub with one small chat model, and the program called against it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.checkpoints import make_checkpoint
from tests.loopback.hub import HubServer, Repository

ROOT = Path(__file__).parents[2]
NAME = "ann/small-chat"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """What it said last on standard error."""
        last = self.err.splitlines()[-1]
        assert last.startswith("quipu: ")
        return last.removeprefix("quipu: ")


@dataclass(frozen=True)
class Program:
    """Calls `quipu` as a shell does, in a home of its own."""

    home: Path
    hub: str
    more: dict[str, str] = field(default_factory=dict)

    async def start(self, *arguments: str, **more: str) -> asyncio.subprocess.Process:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.home),
            "HF_HOME": str(self.home / "hf"),
            "HF_ENDPOINT": self.hub,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "QUIPU_DATA__FOLDER": str(self.home / "data"),
            "OMP_NUM_THREADS": "1",
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *arguments,
            cwd=self.home,
            env=environment | self.more | more,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, typed: str = "", **more: str) -> Outcome:
        process = await self.start(*arguments, **more)
        out, err = await asyncio.wait_for(process.communicate(typed.encode()), 100)
        assert process.returncode is not None
        outcome = Outcome(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in outcome.err, outcome.err
        return outcome

    @property
    def snapshots(self) -> Path:
        return self.home / "hf" / "hub" / f"models--{NAME.replace('/', '--')}" / "snapshots"


@pytest.fixture(scope="session")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A chat model as repositories hold it, with what must not be fetched beside it."""
    folder = make_checkpoint(tmp_path_factory.mktemp("hub") / "model")
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return files | {
        "README.md": b"# Small chat",
        "pytorch_model.bin": b"pickle",
        "modeling.py": b"raise SystemExit",
        "consolidated.safetensors": b"twice",
        "original/params.json": b"{}",
        "onnx/model.safetensors": b"other",
    }


@pytest.fixture
async def hub(model_files: dict[str, bytes]) -> AsyncIterator[HubServer]:
    async with HubServer() as server:
        server.add(Repository(NAME)).commit(model_files)
        server.tokens["hf_ann"] = "ann"
        yield server


@pytest.fixture
def quipu(tmp_path: Path, hub: HubServer) -> Program:
    return Program(tmp_path, hub.url)
