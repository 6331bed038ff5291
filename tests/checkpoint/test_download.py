"""Models are fetched from a hub: whole, resumable, and with words for everything that fails."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from huggingface_hub import close_session, constants

from bot.checkpoint import find
from bot.checkpoints import hub as client
from bot.checkpoints.check import examine
from bot.checkpoints.hub import Plan, plan
from bot.errors import ConfigError
from tests.checkpoint.conftest import NAME, Program
from tests.loopback.hub import HubServer, Repository

PIECE = 10 * 2**20
"""The hub's library writes so many bytes at once; less than that is lost when it is cut off."""
FETCHED = [
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.model",
]  # fmt: skip


async def test_a_model_is_fetched_and_its_commit_shown_to_pin_it(
    quipu: Program, hub: HubServer
) -> None:
    done = await quipu("models", "download", NAME)
    commit = hub.repositories[NAME].refs["main"]
    assert done.code == 0, done.err
    folder = quipu.snapshots / commit
    assert sorted(file.name for file in folder.iterdir()) == FETCHED
    assert f'[model]\nname = "{NAME}"\nrevision = "{commit}"\n' in done.out
    assert "100 % of" in done.err


async def test_a_folder_of_its_own_holds_the_model(
    quipu: Program, hub: HubServer, model_files: dict[str, bytes]
) -> None:
    done = await quipu("models", "download", NAME, "--dest", "models/small")
    folder = quipu.home / "models" / "small"
    assert done.code == 0, done.err
    assert (folder / "model.safetensors").read_bytes() == model_files["model.safetensors"]
    assert f'name = "{folder}"' in done.out
    assert not [each for each in examine(find(str(folder))) if each.severity == "error"]


async def test_with_everything_in_the_cache_nothing_is_fetched_and_only_a_download_asks(
    quipu: Program, hub: HubServer
) -> None:
    await quipu("models", "download", NAME)
    hub.requests.clear()
    (quipu.home / "config.toml").write_text(f'[model]\nname = "{NAME}"\n')
    asked = await quipu("prompt", typed='[{"role": "user", "content": "Hi"}]')
    listed = await quipu("models", "list")
    assert asked.code == 0, asked.err
    assert listed.code == 0, listed.err
    assert hub.requests == []
    again = await quipu("models", "download", NAME)
    assert again.code == 0
    assert hub.requests
    assert hub.fetched() == []


@pytest.mark.slow  # what loads torch takes seconds each time
async def test_doctor_and_check_make_no_request_with_everything_in_the_cache(
    quipu: Program, hub: HubServer
) -> None:
    await quipu("models", "download", NAME)
    hub.requests.clear()
    (quipu.home / "config.toml").write_text(f'[model]\nname = "{NAME}"\n')
    doctor = await quipu("doctor")
    checked = await quipu("models", "check", NAME)
    assert checked.code == 0, checked.out
    assert NAME in doctor.out
    assert hub.requests == []


@pytest.mark.slow
async def test_a_chat_with_a_cached_model_makes_no_request(quipu: Program, hub: HubServer) -> None:
    await quipu("models", "download", NAME)
    hub.requests.clear()
    limits = {"QUIPU_MODEL__NAME": NAME, "QUIPU_SAMPLING__MAX_NEW_TOKENS": "4"}
    done = await quipu("run", typed="Hello\n", **limits)
    assert done.code == 0, done.err
    assert hub.requests == []


@pytest.mark.slow
async def test_a_run_fetches_what_is_missing_and_logs_it(quipu: Program, hub: HubServer) -> None:
    limits = {"QUIPU_MODEL__NAME": NAME, "QUIPU_SAMPLING__MAX_NEW_TOKENS": "4"}
    done = await quipu("run", typed="Hello\n", **limits)
    assert done.code == 0, done.err
    assert len(hub.fetched("model.safetensors")) == 2  # asked for, and sent on to the storage


async def test_offline_a_cached_model_works_and_another_is_named(quipu: Program) -> None:
    await quipu("models", "download", NAME)
    chosen = {"QUIPU_MODEL__NAME": NAME, "HF_HUB_OFFLINE": "1"}
    asked = await quipu("prompt", typed='[{"role": "user", "content": "Hi"}]', **chosen)
    assert asked.code == 0, asked.err
    done = await quipu("models", "download", "ann/other", HF_HUB_OFFLINE="1")
    assert done.code == 2
    assert "HF_HUB_OFFLINE forbids" in done.complaint


@pytest.fixture
def large(hub: HubServer, model_files: dict[str, bytes]) -> bytes:
    """Weights of some length, in the place of the model's own."""
    content = random.Random(0).randbytes(3 * PIECE)
    hub.repositories[NAME].commit(model_files | {"model.safetensors": content})
    return content


async def killed(quipu: Program, hub: HubServer) -> Path:
    """What a download leaves behind that is killed in the middle."""
    fault = hub.stall(after=2 * PIECE + PIECE // 2)
    process = await quipu.start("models", "download", NAME)
    await fault.reached(60)
    parts = quipu.snapshots.parent / "blobs"
    async with asyncio.timeout(60):  # another process writes; nothing but its file tells
        while sum(part.stat().st_size for part in parts.glob("*.incomplete")) < 2 * PIECE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    fault.release()
    hub.requests.clear()
    (part,) = parts.glob("*.incomplete")
    return part


def sent(hub: HubServer) -> list[str]:
    """Which ranges of the weights left the storage."""
    return [asked.range for asked in hub.fetched(".safetensors") if "storage" in asked.path]


async def test_a_broken_connection_goes_on_where_it_was(
    quipu: Program, hub: HubServer, large: bytes
) -> None:
    hub.cut(after=PIECE + PIECE // 2)
    done = await quipu("models", "download", NAME)
    assert done.code == 0, done.err
    assert sent(hub) == ["", f"bytes={PIECE}-"]
    assert done.err.count("100 % of") == 1


async def test_a_killed_download_goes_on_where_it_stopped(
    quipu: Program, hub: HubServer, large: bytes
) -> None:
    await killed(quipu, hub)
    done = await quipu("models", "download", NAME)
    assert done.code == 0, done.err
    assert sent(hub) == [f"bytes={2 * PIECE}-"]
    whole = quipu.snapshots / hub.repositories[NAME].refs["main"] / "model.safetensors"
    assert whole.read_bytes() == large


async def test_a_file_that_arrived_damaged_is_thrown_away(
    quipu: Program, hub: HubServer, large: bytes
) -> None:
    part = await killed(quipu, hub)
    part.write_bytes(b"\0" * part.stat().st_size)
    broken = await quipu("models", "download", NAME)
    assert broken.code == 2
    assert "arrived damaged and was thrown away" in broken.complaint
    assert (await quipu("models", "download", NAME)).code == 0
    assert sent(hub) == [f"bytes={2 * PIECE}-", ""]


Ask = Callable[..., Awaitable[Plan]]


@pytest.fixture
def ask(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """The question to the hub that every download begins with, asked within this process."""
    # The library has read its environment long ago.
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.05)

    async def asked(name: str, revision: str | None = None, **environment: str) -> Plan:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        return await asyncio.to_thread(plan, name, revision)

    yield asked
    close_session()


async def test_a_busy_hub_is_asked_again(ask: Ask, hub: HubServer) -> None:
    hub.faults.fail("GET", "/api/models", status=503, times=2)
    hub.faults.fail("GET", "/api/models", status=429, times=1)
    found = await ask(NAME)
    assert [file.name for file in found.files if file.is_large] == ["model.safetensors"]


async def test_a_revision_can_be_asked_for(
    ask: Ask, hub: HubServer, model_files: dict[str, bytes]
) -> None:
    old = hub.repositories[NAME].refs["main"]
    hub.repositories[NAME].commit(model_files | {"config.json": b'{"model_type": "new"}'})
    assert (await ask(NAME, old)).commit == old
    assert (await ask(NAME)).commit == hub.repositories[NAME].refs["main"] != old


@pytest.mark.parametrize(
    ("status", "words"), [(503, "the hub is in trouble (HTTP 503)"), (429, "too many requests")]
)
async def test_a_hub_that_stays_busy_is_named(
    ask: Ask, hub: HubServer, status: int, words: str
) -> None:
    hub.faults.fail("GET", "/api/models", status=status, times=100)
    with pytest.raises(ConfigError, match=re.escape(words)):
        await ask(NAME)


async def test_without_a_network_that_is_said(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=re.escape("http://127.0.0.1:9 cannot be reached")):
        await ask(NAME)


async def test_a_gated_model_says_what_to_click_and_what_to_set(
    quipu: Program, hub: HubServer, model_files: dict[str, bytes]
) -> None:
    gated = hub.add(Repository("meta/gated-chat", gated=True, readers={"bob"}))
    gated.commit(model_files)
    hub.tokens["hf_bob"] = "bob"
    stranger = await quipu("models", "download", "meta/gated-chat")
    assert stranger.code == 2
    assert "accept its licence at https://huggingface.co/meta/gated-chat" in stranger.complaint
    assert "https://huggingface.co/settings/tokens and set HF_TOKEN" in stranger.complaint
    ann = await quipu("models", "download", "meta/gated-chat", HF_TOKEN="hf_ann")
    assert "the account of HF_TOKEN may not read it: open https://huggingface.co" in ann.complaint
    bob = await quipu("models", "download", "meta/gated-chat", HF_TOKEN="hf_bob")
    assert bob.code == 0, bob.err
    assert "hf_bob" not in bob.err + bob.out


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ([NAME], {"HF_TOKEN": "hf_old"}, "does not know the access token; make a new one"),
        (["ann/missing"], {}, "knows no model 'ann/missing', or it is private"),
        (["ann/missing"], {"HF_TOKEN": "hf_ann"}, "knows no model 'ann/missing'"),
        ([NAME, "v9"], {}, "has no revision 'v9'"),
        (["not a name"], {}, "'not a name' is no Hugging Face name"),
    ],
)
async def test_every_refusal_has_its_words(
    ask: Ask, name: list[str], more: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as refused:
        await ask(*name, **more)
    assert "hf_old" not in str(refused.value)


@pytest.mark.parametrize(
    ("file", "words"),
    [("pytorch_model.bin", "in pickle files only"), ("q4.gguf", "GGUF files only")],
)
async def test_a_repository_without_safetensors_is_refused(
    ask: Ask, hub: HubServer, file: str, words: str
) -> None:
    hub.add(Repository("ann/old")).commit({"config.json": b"{}", file: b"x"})
    with pytest.raises(ConfigError, match=re.escape(words)):
        await ask("ann/old")
    assert hub.fetched() == []


async def test_too_little_room_is_noticed_before_anything_is_fetched(
    quipu: Program, hub: HubServer
) -> None:
    huge = Huge(shutil.disk_usage(quipu.home).total + 10**9)  # others may make room meanwhile
    hub.add(Repository("ann/huge")).commit({"config.json": b"{}", "model.safetensors": huge})
    done = await quipu("models", "download", "ann/huge")
    assert done.code == 2
    assert "make room, or set HF_HOME or --dest" in done.complaint
    assert hub.fetched() == []


class Huge(bytes):
    """A file of which only the size is ever asked."""

    size: int

    def __new__(cls, size: int) -> Self:
        made = super().__new__(cls, b"huge")
        made.size = size
        return made

    def __len__(self) -> int:
        return self.size


async def test_the_list_shows_what_is_configured_and_what_is_here(
    quipu: Program, hub: HubServer, tmp_path: Path
) -> None:
    empty = await quipu("models", "list")
    assert empty.out.splitlines()[0].split("\t")[:3] == ["demo", "configured", "llama"]
    assert len(empty.out.splitlines()) == 1
    (tmp_path / "config.toml").write_text('[model]\nname = "ann/missing"\n')
    await quipu("models", "download", NAME)
    missing, cached = (await quipu("models", "list")).out.splitlines()
    assert "not here; quipu models download ann/missing" in missing
    commit = hub.repositories[NAME].refs["main"]
    assert cached.split("\t") == [
        NAME, "cache", "llama", "0.00 GB", "4,096", f"{commit[:12]} (main)", "complete",
    ]  # fmt: skip
    (quipu.snapshots / commit / "model.safetensors").unlink()
    assert (await quipu("models", "list")).out.splitlines()[1].endswith("lacks model.safetensors")
