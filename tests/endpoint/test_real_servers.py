"""Servers that others wrote: `transformers serve`, and the one that the environment names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bot.endpoint.generator import EndpointGenerator
from bot.errors import GenerationError
from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import load
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import SentencePieceTokenizer, Tokenizer
from bot.values import Author, FinishReason, Prompt, Role, Sampling, Turn
from tests.endpoint.serving import Served, save_for_serving, transformers_serve, vllm_serve
from tests.endpoint.speaking import GREEDY, HERE, read


def conversation(tokenizer: Tokenizer) -> Prompt:
    builder = PromptBuilder(Llama2Format(tokenizer), context=512, reserve=64)
    ada = Author("1", "Ada")
    turns = [
        Turn(1, Role.USER, "Hello, who are you?", ada),
        Turn(2, Role.ASSISTANT, "I am a small model."),
        Turn(3, Role.USER, "What is the weather?", ada),
    ]
    return builder.build(None, turns, names=False)


def connect(
    urls: Sequence[str], served: Path, tokenizer: Tokenizer, *, timeout: float = 60.0
) -> EndpointGenerator:
    return EndpointGenerator(
        urls, served=str(served), context=512, tokenizer=tokenizer, timeout=timeout
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_for_serving(tmp_path_factory.mktemp("served") / "llama")


@pytest.fixture
async def local(served: Path, tokenizer: Tokenizer) -> AsyncIterator[LocalGenerator]:
    generator = LocalGenerator(load(served, device="cpu"), tokenizer)
    yield generator
    await generator.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_transformers_serve_answers_as_the_model_in_this_process_does(
    served: Path, local: LocalGenerator, tokenizer: Tokenizer
) -> None:
    asked = conversation(tokenizer)
    long = replace(GREEDY, max_new_tokens=400)
    here, _ = await read(local.generate(asked, GREEDY, HERE))

    async with transformers_serve(served) as server:
        generator = connect([server.url], served, tokenizer)
        there, finish = await read(generator.generate(asked, GREEDY, HERE))
        odd = replace(GREEDY, temperature=1.0, top_k=1, min_p=0.1, stop=(here[8:12],), seed=3)
        cut, stopped = await read(generator.generate(asked, odd, HERE))
        given_up = generator.generate(asked, long, HERE)
        await anext(given_up)
        await given_up.aclose()
        after, _ = await read(generator.generate(asked, GREEDY, HERE))
        stats = generator.stats()[0]
        await generator.close()

    assert there == after == here
    assert (finish.reason, finish.tokens) == (FinishReason.LENGTH, GREEDY.max_new_tokens)
    assert finish.prompt_tokens == len(asked.ids), "its template is ours, token for token"
    assert cut == here[: here.index(here[8:12])].rstrip() or here.startswith(cut)
    assert stopped.reason is FinishReason.STOP
    assert stats.token_ids is False, "it takes text only"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_where_a_real_server_freezes_or_dies_another_one_answers(
    served: Path, local: LocalGenerator, tokenizer: Tokenizer
) -> None:
    asked = conversation(tokenizer)
    here, _ = await read(local.generate(asked, GREEDY, HERE))

    async with (
        transformers_serve(served) as one,
        transformers_serve(served) as two,
        AsyncExitStack() as closing,
    ):

        def asking(*servers: Served, timeout: float = 60.0) -> EndpointGenerator:
            urls = [server.url for server in servers]
            generator = connect(urls, served, tokenizer, timeout=timeout)
            closing.push_async_callback(generator.close)
            return generator

        async def answer(generator: EndpointGenerator) -> str:
            return (await read(generator.generate(asked, GREEDY, HERE)))[0]

        assert [await answer(asking(server)) for server in (one, two)] == [here, here]
        watching = asking(one, two)
        broken = watching.generate(asked, replace(GREEDY, max_new_tokens=400), HERE)
        seen = [await anext(broken)]
        [home] = [stats.url for stats in watching.stats() if stats.active]
        dying, other = (one, two) if home == one.url else (two, one)

        dying.freeze()
        impatient = await answer(asking(one, two, timeout=5.0))
        await dying.kill()
        with pytest.raises(GenerationError):
            await read(broken, seen)
        after = await answer(watching)
        unaware = await answer(asking(one, two))
        await other.kill()
        with pytest.raises(GenerationError, match="cannot be reached"):
            await answer(watching)

    said = "".join(seen)
    assert broken.finish is None, "nothing is tried again behind the first text"
    assert said.startswith(here) or here.startswith(said)
    assert impatient == after == unaware == here


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_vllm_answers_exact_prompts_as_the_model_in_this_process_does(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    python = os.environ.get("QUIPU_TEST_VLLM_PYTHON")
    if not python:
        pytest.skip("QUIPU_TEST_VLLM_PYTHON names no interpreter that has vLLM")
    folder = save_for_serving(tmp_path / "llama", head_dim=64)  # vLLM's kernels know none smaller
    asked = conversation(tokenizer)
    local = LocalGenerator(load(folder, device="cpu", dtype="float32"), tokenizer)
    here, _ = await read(local.generate(asked, GREEDY, HERE))
    await local.close()

    async with vllm_serve(python, folder) as server:
        generator = connect([server.url], folder, tokenizer)
        there, finish = await read(generator.generate(asked, GREEDY, HERE))
        long = generator.generate(asked, replace(GREEDY, max_new_tokens=400), HERE)
        await anext(long)
        await long.aclose()
        crowd = [read(generator.generate(asked, GREEDY, HERE)) for _ in range(8)]
        texts = {text for text, _ in await asyncio.gather(*crowd)}
        stats = generator.stats()[0]
        await generator.close()

    assert {there} == texts == {here}
    assert (finish.reason, finish.tokens) == (FinishReason.LENGTH, GREEDY.max_new_tokens)
    assert finish.prompt_tokens == len(asked.ids)
    assert stats.token_ids is True


async def test_a_server_that_the_environment_names_streams_and_can_be_given_up() -> None:
    url = os.environ.get("QUIPU_TEST_OPENAI_URL")
    if not url:
        pytest.skip("QUIPU_TEST_OPENAI_URL names no server")
    folder = os.environ.get("QUIPU_TEST_OPENAI_FOLDER")
    tokenizer = SentencePieceTokenizer(Path(folder) / "tokenizer.model") if folder else None
    served = os.environ.get("QUIPU_TEST_OPENAI_MODEL", "llama")
    asked = (
        conversation(tokenizer)
        if tokenizer
        else Prompt(
            ids=(), text="", persona=None, kept=1, dropped=0, messages=(("user", "Count to ten."),)
        )
    )
    generator = EndpointGenerator([url], served=served, context=512, tokenizer=tokenizer)

    findings = await generator.check()
    sampling = Sampling(max_new_tokens=16, top_k=40, min_p=0.01, repetition_penalty=1.1, seed=1)
    first, finish = await read(generator.generate(asked, sampling, HERE))
    again, _ = await read(generator.generate(asked, sampling, HERE))
    long = generator.generate(asked, replace(sampling, max_new_tokens=200), HERE)
    await anext(long)
    await long.aclose()
    crowd = [read(generator.generate(asked, GREEDY, HERE)) for _ in range(8)]
    texts = {text for text, _ in await asyncio.gather(*crowd)}
    await generator.close()

    assert findings[0].severity == "ok", findings
    assert first == again
    assert 0 < finish.tokens <= 16
    assert len(texts) == 1
    if tokenizer is not None and folder is not None:
        here = LocalGenerator(load(Path(folder), device="cpu"), tokenizer)
        assert texts == {(await read(here.generate(asked, GREEDY, HERE)))[0]}
        await here.close()
