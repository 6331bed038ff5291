"""How answers arrive in Slack: Quipu's delivery beside the naive way, in one run.

    python -m benchmarks.slack_delivery [--channels 1 20] [--json FILE] [--save]

Both answer the same mentions with the same text at the same pace, against the loopback Slack of the
tests with Slack's published tiers as sliding windows of a minute. Quipu runs whole: Socket Mode,
journal on disk, delivery. The naive way posts a message and updates it every second, with the SDK's
own handler for rate limits, as Slack's examples do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from benchmarks import report
from benchmarks.paced import PacedAnswer, PacedGenerator
from bot.settings import Settings
from bot.values import Place, Prompt, Sampling
from tests.checkpoints import make_checkpoint
from tests.contract.running import Running
from tests.loopback.slack import Channel, SlackServer
from tests.loopback.slack.model import Workspace

TOKENS, RATE = 470, 30.0
NAIVE_INTERVAL = 1.0
PATIENCE = 400.0
ABOUT = f"""\
{TOKENS} tokens at {RATE:.0f} a second (about 1,900 characters) in every channel of one workspace at
once, all asked at the same moment. *First text*: seconds from the question to the first words, at
worst. *Final lag*: seconds from the last token to the final text standing. *Naive*: one message,
updated every second, with the SDK's own handler for rate limits (ten retries)."""


def mentioned(app: AsyncApp, generator: PacedGenerator) -> None:
    """The naive bot's listener."""

    @app.event("app_mention")
    async def answer(event: dict[str, Any], client: AsyncWebClient) -> None:
        place = Place("slack", "1", event["channel"])
        writing = generator.generate(Prompt((1,), "", None, 1, 0), Sampling(), place)
        text, last, message = "", 0.0, ""
        where = {"channel": event["channel"]}
        async for delta in writing:
            text += delta
            if not message:
                posted = await client.chat_postMessage(**where, text=text, thread_ts=event["ts"])
                message = str(posted["ts"])
            elif time.monotonic() - last >= NAIVE_INTERVAL:
                last = time.monotonic()
                await client.chat_update(**where, ts=message, text=text)
        await client.chat_update(**where, ts=message, text=text)

    @app.event("message")
    async def ignore() -> None:
        """Its own posts and people's words without a mention."""


@asynccontextmanager
async def naive(server: SlackServer, workspace: Workspace) -> AsyncIterator[PacedGenerator]:
    generator = PacedGenerator(tokens=TOKENS, rate=RATE)
    client = AsyncWebClient(token=workspace.bot_token, base_url=server.api_url, timeout=300)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=10))
    app = AsyncApp(client=client)
    mentioned(app, generator)
    handler = AsyncSocketModeHandler(app, server.app.app_token, web_client=client)
    await handler.connect_async()
    await server.socket_mode.wait_connects(1)
    try:
        yield generator
    finally:
        await handler.close_async()


@asynccontextmanager
async def quipu(server: SlackServer, workspace: Workspace) -> AsyncIterator[PacedGenerator]:
    generator = PacedGenerator(tokens=TOKENS, rate=RATE)
    slack = {
        "bot_token": workspace.bot_token,
        "app_token": server.app.app_token,
        "api_url": server.api_url,
    }
    with tempfile.TemporaryDirectory() as folder:
        model = make_checkpoint(Path(folder) / "model")
        settings = Settings(
            slack=slack,  # type: ignore[arg-type]
            model={"name": str(model)},  # type: ignore[arg-type]
            data={"folder": folder},  # type: ignore[arg-type]
        )
        running = Running(settings, generator)
        await running.start()
        await server.socket_mode.wait_connects(2)
        try:
            yield generator
        finally:
            await running.stop()


async def measure(
    way: str, bot: Callable[[SlackServer, Workspace], Any], channels: int
) -> dict[str, str | int | float]:
    """Ask in every channel at once and read the timeline of every answer."""
    async with SlackServer() as server:
        workspace = server.workspace()
        asker = workspace.member("Ann")
        places = [workspace.channel(f"c{i}") for i in range(channels)]
        async with bot(server, workspace) as generator:
            asked = server.clock.now()
            await asyncio.gather(*(asker.mentions(place, "go") for place in places))
            finals = await asyncio.gather(*(_final(server, p, generator) for p in places))
            firsts = [place.from_bot[0].timeline[0].at - asked for place in places]
            edits = [1 + sum(m.edits for m in place.from_bot) for place in places]
            return {
                "way": way,
                "channels": channels,
                "visible updates": round(statistics.mean(edits), 1),
                "first text s": round(max(firsts), 2),
                "final lag s, median": round(statistics.median(finals), 2),
                "final lag s, worst": round(max(finals), 2),
                "429s": server.limits.total_refused,
            }


async def _final(server: SlackServer, place: Channel, generator: PacedGenerator) -> float:
    """Seconds from the last token to the final text standing."""

    def standing(_: list[Any]) -> bool:
        answer: PacedAnswer | None = generator.answers.get(place.id)
        if answer is None or answer.finish is None or not place.from_bot:
            return False
        return "".join(m.content for m in place.from_bot).strip() == "".join(answer._deltas).strip()

    await place.wait_for(standing, PATIENCE)
    skew = server.clock.now() - time.monotonic()
    return place.from_bot[-1].timeline[-1].at - skew - generator.answers[place.id].ended_at


async def run(counts: list[int]) -> list[dict[str, str | int | float]]:
    ways: list[tuple[str, Callable[[SlackServer, Workspace], Any]]] = [
        ("Quipu", quipu),
        ("naive", naive),
    ]
    return [await measure(way, bot, count) for count in counts for way, bot in ways]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--save", action="store_true", help="into benchmarks/results")
    options = parser.parse_args()
    report.quiet()
    rows = asyncio.run(run(options.channels))
    report.show("Answers arriving in Slack", rows)
    about = report.circumstances("slack-bolt", "slack-sdk", "aiohttp", "sqlalchemy")
    if options.json:
        options.json.write_text(json.dumps({"circumstances": about, "rows": rows}, indent=1))
    if options.save:
        report.save("slack-delivery", "Answers arriving in Slack", ABOUT, rows, about)


if __name__ == "__main__":
    main()
