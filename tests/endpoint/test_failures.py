"""Servers fail in every way: before its first text an answer is sought elsewhere, not after."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from typing import Any

import pytest

from bot.control.words import told
from bot.errors import Busy, ConfigError, GenerationError
from bot.values import FinishReason
from tests.endpoint.conftest import WORDS, Connect, Serve
from tests.endpoint.speaking import ask, place, prompt, read
from tests.loopback.endpoint.server import COMPLETIONS

WHOLE = "".join(WORDS)


async def test_giving_up_an_answer_hangs_up_on_the_server(serve: Serve, connect: Connect) -> None:
    server = await serve(mishap="hang")
    answer = ask(connect(server))
    first = await anext(answer)

    await answer.aclose()

    await server.until(lambda s: s.hung_up == 1 and s.running == 0)
    assert "Good morning".startswith(first)
    assert answer.finish is not None
    assert answer.finish.reason is FinishReason.CANCELLED
    assert [text async for text in answer] == []


async def test_an_answer_can_be_given_up_before_the_server_has_said_anything(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    server.faults.hold("POST", COMPLETIONS)
    answer = ask(connect(server))
    listening = asyncio.create_task(read(answer))
    await server.until(lambda s: s.answers)

    await answer.aclose()

    text, finish = await asyncio.wait_for(listening, 30)
    await server.until(lambda s: s.running == 0)
    assert text == ""
    assert finish.reason is FinishReason.CANCELLED


async def test_a_stop_string_hangs_up_on_a_server_that_goes_on(
    serve: Serve, connect: Connect
) -> None:
    server = await serve("Yes", "\nAda:", " more", mishap="hang", unknown=frozenset({"stop"}))

    text, _ = await read(ask(connect(server), prompt(stops=("\nAda:",))))

    await server.until(lambda s: s.running == 0)
    assert text == "Yes"


@pytest.mark.parametrize("status", [500, 502, 503, 429, 401, 404])
async def test_another_server_answers_where_one_refuses(
    status: int, serve: Serve, connect: Connect
) -> None:
    servers = [await serve(), await serve()]
    for server in servers:
        server.faults.fail("POST", COMPLETIONS, status=status)
    broken, whole = servers
    whole.faults.clear()
    generator = connect(*servers, retries=0)

    texts = [(await read(ask(generator, where=place(str(i)))))[0] for i in range(6)]

    assert texts == [WHOLE] * 6
    assert len(broken.answers) <= 2, "it rests after it failed"
    assert len(whole.answers) >= 5


async def test_a_server_that_was_down_is_asked_again_when_it_is_back(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    generator = connect(server, retries=0)
    await server.stop()

    with pytest.raises(GenerationError, match="cannot be reached") as caught:
        await read(ask(generator))
    rested = generator.stats()[0].rests
    await server.start()
    text, _ = await read(ask(generator))

    assert "cannot be reached" in told(caught.value, "")
    assert rested
    assert text == WHOLE
    assert not generator.stats()[0].rests


@pytest.mark.parametrize("fault", ["drop", "fail"])
async def test_the_only_server_is_tried_again_before_the_first_text(
    fault: str, serve: Serve, connect: Connect
) -> None:
    server = await serve()
    getattr(server.faults, fault)("POST", COMPLETIONS)

    text, _ = await read(ask(connect(server)))

    assert text == WHOLE
    assert len(server.answers) == 2


async def test_attempts_come_to_an_end(serve: Serve, connect: Connect) -> None:
    server = await serve()
    server.faults.fail("POST", COMPLETIONS, times=99, error="out of order")

    with pytest.raises(GenerationError, match=r"500: .*out of order"):
        await read(ask(connect(server, retries=1)))
    assert len(server.answers) == 2


async def test_a_pause_that_the_server_asks_for_is_kept(serve: Serve, connect: Connect) -> None:
    server = await serve(retry_after="0.4")
    server.faults.fail("POST", COMPLETIONS, status=429)
    loop = asyncio.get_running_loop()
    begun = loop.time()

    text, _ = await read(ask(connect(server)))

    assert text == WHOLE
    assert loop.time() - begun >= 0.4


async def test_a_pause_too_long_for_people_is_told_instead(serve: Serve, connect: Connect) -> None:
    server = await serve(retry_after="600")
    server.faults.fail("POST", COMPLETIONS, status=429, times=9)

    with pytest.raises(Busy) as caught:
        await read(ask(connect(server)))
    assert "too much to do" in told(caught.value, "")
    assert len(server.answers) == 1


@pytest.mark.parametrize("mishap", ["reset", "end", "error", "nonsense", "abort"])
async def test_after_the_first_text_nothing_is_tried_again(
    mishap: str, serve: Serve, connect: Connect
) -> None:
    servers = [await serve(mishap=mishap), await serve(mishap=mishap)]
    answer = ask(connect(*servers))
    seen: list[str] = []

    with pytest.raises(GenerationError):
        await read(answer, seen)

    assert "".join(seen) == "Good morning"
    assert answer.finish is None
    assert sum(len(server.answers) for server in servers) == 1


@pytest.mark.parametrize("mishap", ["reset", "end", "error", "nonsense"])
async def test_a_stream_that_breaks_before_its_first_text_is_begun_again(
    mishap: str, serve: Serve, connect: Connect
) -> None:
    broken, whole = await serve(mishap=mishap, mishap_after=0), await serve()
    generator = connect(broken, whole)

    texts = [(await read(ask(generator, where=place(str(i)))))[0] for i in range(4)]

    assert texts == [WHOLE] * 4


async def test_a_server_that_says_nothing_in_time_is_left_for_another(
    serve: Serve, connect: Connect
) -> None:
    silent, quick = await serve(), await serve()
    silent.faults.hold("POST", COMPLETIONS, times=9)
    generator = connect(silent, quick, timeout=0.5)

    texts = [(await read(ask(generator, where=place(str(i)))))[0] for i in range(4)]

    assert texts == [WHOLE] * 4
    await silent.until(lambda s: s.running == 0)


async def test_the_only_server_is_not_asked_twice_when_it_is_slow(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    server.faults.hold("POST", COMPLETIONS, times=9)

    with pytest.raises(GenerationError, match=r"wrote nothing for 0\.3 s"):
        await read(ask(connect(server, timeout=0.3)))
    await server.until(lambda s: s.running == 0)
    assert len(server.answers) == 1


async def test_a_server_that_falls_silent_in_an_answer_is_given_up(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(mishap="hang")
    answer = ask(connect(server, gap=0.3))
    seen: list[str] = []

    with pytest.raises(GenerationError, match=r"wrote nothing for 0\.3 s"):
        await read(answer, seen)
    await server.until(lambda s: s.running == 0)
    assert "".join(seen) == "Good morning"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"key": "secret"}, "401.*api_key"),
        ({"served": "other"}, "404.*served"),
    ],
)
async def test_a_wrong_configuration_is_called_so(
    behaviour: dict[str, Any], words: str, serve: Serve, connect: Connect
) -> None:
    server = await serve(**behaviour)

    with pytest.raises(ConfigError, match=words):
        await read(ask(connect(server, api_key="wrong")))


async def test_the_key_is_sent_and_the_environment_s_own_is_not(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-somebody-else")
    server = await serve(key="secret")

    text, _ = await read(ask(connect(server, api_key="secret")))
    with pytest.raises(ConfigError):
        await read(ask(connect(server)))

    assert text == WHOLE
    assert "of-somebody-else" not in str([r.headers for r in server.requests])


async def test_answers_are_spread_over_servers_and_a_place_stays_with_its_own(
    serve: Serve, connect: Connect
) -> None:
    servers = [await serve(), await serve(), await serve()]
    generator = connect(*servers)

    for _ in range(3):
        await read(ask(generator))
    at_home = [len(server.answers) for server in servers]
    await asyncio.gather(*(read(ask(generator, where=place(str(i)))) for i in range(30)))

    assert sorted(at_home) == [0, 0, 3]
    assert min(len(server.answers) for server in servers) >= 4


async def test_a_crowd_at_one_place_is_not_left_to_one_server(
    serve: Serve, connect: Connect
) -> None:
    servers = [await serve(mishap="hang"), await serve(mishap="hang")]
    generator = connect(*servers)
    answers = [ask(generator) for _ in range(12)]

    for answer in answers:
        assert "Good morning".startswith(await anext(answer))

    assert sorted(server.running for server in servers) == [4, 8]
    for answer in answers:
        await answer.aclose()


def test_a_missing_library_says_which_extra_to_install() -> None:
    program = (
        "import sys; sys.modules['openai'] = None\n"
        "from bot.endpoint.generator import EndpointGenerator\n"
        "EndpointGenerator(['http://127.0.0.1:9/v1'], served='x', context=10)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    python = shlex.quote(sys.executable)
    assert f'{python} -m pip install "quipu[endpoint]"' in ran.stderr
