"""From the configuration to engines, with real checkpoints and a real generator."""

from __future__ import annotations

import json
import weakref
from pathlib import Path

import pytest

from bot.endpoint.generator import EndpointGenerator
from bot.engines import Engine, Engines
from bot.engines.local import LocalSource
from bot.engines.sources import alone, sharing, source, sources
from bot.errors import ConfigError, ModelLoadError
from bot.generation.weights.machine import held_memory
from bot.settings import Settings
from bot.settings.reading import check
from bot.values import Persona, Place, Role, Turn
from tests.adapters_made import save_adapter
from tests.checkpoints import make_checkpoint
from tests.loopback.endpoint.server import EndpointServer
from tests.loopback.endpoint.writers import WordWriter
from tests.small_machine import limit_memory

HERE = Place("terminal", "here", "now")
HELLO = [Turn(1, Role.USER, "Hello, who are you?")]
ENDPOINT = {"kind": "openai", "served": "big", "urls": ["http://127.0.0.1:9/v1"]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models that say different things."""
    base = tmp_path_factory.mktemp("models")
    first = make_checkpoint(base / "first", context=512, seed=1)
    return first, make_checkpoint(base / "second", context=256, seed=2)


@pytest.fixture
def settings(folders: tuple[Path, Path]) -> Settings:
    models = [{"name": str(folder), "device": "cpu", "dtype": "float32"} for folder in folders]
    return check(
        {
            "model": models[0],
            "models": [models[1]],
            "sampling": {"max_new_tokens": 12, "temperature": 0},
        }
    )


async def said(engine: Engine, adapter: str = "") -> str:
    prompt = engine.builder.build(Persona("Be kind."), HELLO, names=False)
    answer = engine.generator.generate(prompt, engine.sampling, HERE, adapter=adapter)
    return "".join([text async for text in answer])


async def test_two_models_in_one_process_answer_each_in_their_own_way(settings: Settings) -> None:
    engines = Engines(sources(settings))
    try:
        async with engines.use("first") as first, engines.use("second") as second:
            assert (first.generator.context, second.generator.context) == (512, 256)
            assert first.precision == "float32"
            texts = [await said(first), await said(second)]
            assert texts == [await said(first), await said(second)]
        assert texts[0] != texts[1]
        await engines.reload("second")
        async with engines.use("second") as again:
            assert again is not second
            assert await said(again) == texts[1]
    finally:
        await engines.close()


async def test_a_model_that_left_is_not_held_by_anybody(settings: Settings) -> None:
    engines = Engines(sources(settings))
    try:
        async with engines.use("first") as engine:
            await said(engine)
            before = weakref.ref(engine.generator)
        del engine
        await engines.reload("first")
        assert before() is None
    finally:
        await engines.close()


def test_a_real_model_knows_the_memory_that_it_needs(settings: Settings) -> None:
    first, second = sources(settings)
    rooms = []
    for each in (first, second):
        each.fetch()
        rooms.append(each.room())
    assert all(room and room.devices == {"cpu"} for room in rooms)
    assert all(room and 0 < room.needs < room.free < room.total for room in rooms)


async def test_a_model_that_cannot_be_beside_what_stays_is_not_loaded(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = Engines(sources(settings))
    try:
        async with engines.use("first") as first:
            limit_memory(tmp_path, monkeypatch, held_memory() // 2)
            with pytest.raises(ModelLoadError, match=r"of memory in all, and .* are taken; "):
                async with engines.use("second"):
                    raise AssertionError
            assert await said(first)
        assert list(engines.loaded) == ["first"]
    finally:
        await engines.close()


def test_a_long_context_is_needed_only_where_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = make_checkpoint(tmp_path / "long", context=16_384)
    (made,) = sources(check({"model": {"name": str(long), "device": "cpu", "memory": 0.4}}))
    made.fetch()
    needs = []
    for free in (3, 20, 40):
        limit_memory(tmp_path, monkeypatch, 10**8, used=10**8 - free * 10**6)
        room = made.room()
        assert room is not None
        needs.append(room.needs)
    assert 3 * 10**6 < needs[0] == needs[2]
    assert needs[1] < 20 * 10**6 < needs[2]


async def test_two_models_of_long_context_stay_together_where_4096_tokens_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [make_checkpoint(tmp_path / name, context=16_384) for name in ("first", "second")]
    models = [{"name": str(folder), "device": "cpu", "dtype": "float32"} for folder in folders]
    engines = Engines(sources(check({"model": models[0], "models": models[1:]})))
    limit_memory(tmp_path, monkeypatch, 10**10, used=10**10 - 20 * 10**6)
    try:
        for title in ("first", "second", "first"):
            async with engines.use(title) as engine:
                assert engine.generator.context >= 4096
        assert list(engines.loaded) == ["first", "second"]
    finally:
        await engines.close()


def test_several_local_models_share_the_memory_for_conversations(settings: Settings) -> None:
    models = settings.model_copy(update={"models": (*settings.models, *settings.models)})
    shares = {each.share for each in sources(models) if isinstance(each, LocalSource)}
    assert shares == {0.8 / 3}
    (single,) = sources(alone(settings, "first"))
    assert isinstance(single, LocalSource)
    assert single.share is None


def test_an_endpoint_takes_no_share_of_the_memory(settings: Settings) -> None:
    far = check({"model": ENDPOINT}).model
    assert sharing(settings.model_copy(update={"model": far}), far) == far
    assert sharing(settings.model_copy(update={"models": (*settings.models, far)}), far) == far


def test_a_prompt_needs_the_small_files_only(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("config.json", "generation_config.json", "tokenizer.model"):
        (tmp_path / name).write_bytes((folders[0] / name).read_bytes())
    made = source(check({"model": {"title": "Small", "name": str(tmp_path)}}), "Small")
    assert made is not None
    assert made.builder().build(None, HELLO, names=False).ids[0] == 1


def test_an_endpoint_with_a_name_has_the_models_own_tokens(folders: tuple[Path, Path]) -> None:
    (local,) = sources(check({"model": {"name": str(folders[0])}}))
    (far,) = sources(check({"model": {**ENDPOINT, "name": str(folders[0])}}))
    assert far.room() is None
    prompts = [each.builder().build(None, HELLO, names=False) for each in (local, far)]
    assert prompts[0].ids == prompts[1].ids
    engine = far.load()
    assert isinstance(engine.generator, EndpointGenerator)
    assert (engine.precision, engine.generator.context) == ("endpoint", 512)


def test_an_endpoint_without_a_name_is_sent_messages() -> None:
    table = {
        "model": {**ENDPOINT, "context": 1000},
        "adapters": [{"name": "pirate", "path": "big-pirate"}],
    }
    (far,) = sources(check(table))
    far.fetch()
    engine = far.load()
    assert (engine.title, engine.adapters, engine.generator.context) == ("big", ("pirate",), 1000)
    prompt = engine.builder.build(Persona("Be kind."), HELLO, names=False)
    assert prompt.messages == (("system", "Be kind."), ("user", "Hello, who are you?"))


def test_a_server_has_the_long_context_that_this_process_cannot_give(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for file in folders[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    rope = {"type": "su", "original_max_position_embeddings": 128}
    (tmp_path / "config.json").write_text(json.dumps(config | {"rope_scaling": rope}))
    (local,) = sources(check({"model": {"name": str(tmp_path)}}))
    (far,) = sources(check({"model": {**ENDPOINT, "name": str(tmp_path)}}))
    assert isinstance(local, LocalSource)
    assert (local.context, far.load().generator.context) == (128, 256)


def test_one_model_can_be_taken_alone(settings: Settings) -> None:
    (only,) = alone(settings, "second").every_model
    assert (only.title, only.warm, only.idle) == ("second", True, 0.0)
    with pytest.raises(ConfigError, match="no model 'third'; there are first, second"):
        alone(settings, "third")


async def test_a_server_is_told_what_is_off_though_the_model_recommends_it(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for file in folders[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    recommended = {"top_k": 20, "repetition_penalty": 1.1}
    (tmp_path / "generation_config.json").write_text(json.dumps(recommended), encoding="utf-8")
    async with EndpointServer(WordWriter("Yes."), served="big") as server:
        model = {**ENDPOINT, "urls": [server.url], "name": str(tmp_path)}
        off = {"top_k": 0, "repetition_penalty": 1}
        (far,) = sources(check({"model": model, "sampling": off}))
        engine = far.load()
        assert await said(engine) == "Yes."
        await engine.generator.close()
        (asked,) = server.answers
    assert (asked.body["top_k"], asked.body["repetition_penalty"]) == (-1, 1.0)


async def test_an_adapter_changes_what_its_own_model_says(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = save_adapter(folders[0], tmp_path / "pirate")
    table = {
        "model": {"name": str(folders[0]), "device": "cpu", "dtype": "float32"},
        "adapters": [{"name": "pirate", "path": str(folder)}],
        "sampling": {"max_new_tokens": 12, "temperature": 0},
    }
    engines = Engines(sources(check(table)))
    try:
        async with engines.use() as engine:
            assert engine.adapters == ("pirate",)
            assert await said(engine) != await said(engine, adapter="pirate")
    finally:
        await engines.close()


def test_an_adapter_that_is_nowhere_is_said_before_the_model_is_loaded(
    folders: tuple[Path, Path],
) -> None:
    table = {
        "model": {"name": str(folders[0])},
        "adapters": [{"name": "pirate", "path": "/nowhere"}],
    }
    (made,) = sources(check(table))
    with pytest.raises(ConfigError, match="'/nowhere' is neither a folder nor"):
        made.fetch()


def test_a_folder_that_changed_is_read_again(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for file in folders[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (made,) = sources(check({"model": {"name": str(tmp_path)}}))
    made.fetch()
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["max_position_embeddings"] = 128
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    made.fetch()
    assert isinstance(made, LocalSource)
    assert made.context == 128
