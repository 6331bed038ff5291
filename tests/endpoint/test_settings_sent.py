"""Settings on their way to a server: all of them, what is off, and what it does not know."""

from __future__ import annotations

from bot.values import Sampling
from tests.endpoint.conftest import WORDS, Connect, Serve
from tests.endpoint.speaking import ask, prompt, read


async def test_every_setting_reaches_the_server(serve: Serve, connect: Connect) -> None:
    server = await serve()
    sampling = Sampling(
        max_new_tokens=33,
        temperature=0.7,
        top_p=0.8,
        top_k=11,
        min_p=0.1,
        repetition_penalty=1.2,
        seed=5,
        stop=("###",),
        logit_bias=((7, 100.0), (8, -3.5)),
    )

    _, finish = await read(ask(connect(server), prompt(stops=("\nAda:",)), sampling))

    body = server.answers[0].body
    assert {name: body[name] for name in ("temperature", "top_p", "top_k", "min_p")} == {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 11,
        "min_p": 0.1,
    }
    assert (body["repetition_penalty"], body["seed"], body["max_tokens"]) == (1.2, 5, 33)
    assert body["stop"] == ["###", "\nAda:"]
    assert body["logit_bias"] == {"7": 100.0, "8": -3.5}
    assert finish.seed == 5


async def test_what_is_off_is_said_where_the_model_recommends_it(
    serve: Serve, connect: Connect
) -> None:
    server = await serve()
    recommended = Sampling(top_k=20, min_p=0.05, repetition_penalty=1.05)
    generator, plain = connect(server, usual=recommended), connect(server)

    await read(ask(generator, sampling=Sampling()))
    await read(ask(generator, sampling=Sampling(temperature=0.0)))
    await read(ask(plain, sampling=Sampling()))

    names = ("top_k", "min_p", "repetition_penalty")
    said = [{n: r.body[n] for n in names if n in r.body} for r in server.answers]
    assert said == [
        {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0},
        {"repetition_penalty": 1.0},
        {},
    ]


async def test_settings_that_a_server_does_not_know_are_left_out_from_then_on(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(unknown=frozenset({"top_k", "min_p", "stream_options"}))
    generator = connect(server)
    sampling = Sampling(top_k=5, min_p=0.2, seed=1)

    first, _ = await read(ask(generator, sampling=sampling))
    second, finish = await read(ask(generator, sampling=sampling))

    assert first == second == "".join(WORDS)
    assert len(server.answers) == 3, "refused once"
    assert not {"top_k", "min_p", "stream_options"} & server.answers[-1].body.keys()
    assert server.answers[-1].body["seed"] == 1
    assert finish.tokens == len(WORDS)
