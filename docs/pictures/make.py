"""Makes the README's pictures from real runs: a chat in a terminal, an answer growing in Discord.

    python docs/pictures/make.py

The terminal is a real one of 84 columns, read by a terminal emulator. The Discord picture shows
what one message in the tests' loopback Discord said at several moments.
"""

from __future__ import annotations

import asyncio
import html
import io
import os
import sys
import tempfile
import textwrap
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

COLUMNS, LINES = 84, 40
SAID = [
    "hi, who are you?",
    "my name is Marisol",
    "/persona You are a pirate.",
    "how do I add you to Discord?",
    "what is my name?",
]
ASKED = "what can you do?"
FRAMES = 3


def terminal() -> None:
    """Type into `quipu chat` and draw the screen as it then stands."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    command = f"{sys.executable} -m bot chat"
    # The emulator does not answer when it is asked where its cursor is.
    surroundings = os.environ | {"PROMPT_TOOLKIT_NO_CPR": "1"}
    size = (LINES, COLUMNS)
    chat = pexpect.spawn(command, cwd=ROOT, dimensions=size, encoding="utf-8", env=surroundings)
    for line in [*SAID, "/quit"]:
        chat.expect("› ", timeout=120)
        stream.feed(seen(chat))
        settle(chat, stream)
        chat.send(line + "\r")
    chat.expect(pexpect.EOF, timeout=60)
    stream.feed(seen(chat))
    picture = Console(record=True, width=COLUMNS, file=io.StringIO())
    for row in drawn(screen):
        picture.print(row)
    picture.save_svg(str(HERE / "terminal.svg"), title="make run")


def settle(chat: pexpect.spawn[str], stream: pyte.Stream) -> None:
    """Take what is still being drawn."""
    while chat.expect([r".", pexpect.TIMEOUT], timeout=1) == 0:
        stream.feed(seen(chat))


def seen(chat: pexpect.spawn[str]) -> str:
    """What came since the last look, with what was looked for."""
    return "".join(part for part in (chat.before, chat.after) if isinstance(part, str))


def drawn(screen: pyte.Screen) -> list[Text]:
    """The rows of the screen that hold anything, with colours and weights."""
    rows = []
    for number in range(screen.lines):
        row = Text()
        for column in range(screen.columns):
            cell = screen.buffer[number][column]
            colour = "" if cell.fg == "default" else named(cell.fg)
            row.append(cell.data, " ".join(filter(None, ["bold" if cell.bold else "", colour])))
        row.rstrip()
        rows.append(row)
    while rows and not rows[-1].plain:
        rows.pop()
    return rows


def named(colour: str) -> str:
    """A colour's name or number, as rich has it."""
    if len(colour) == 6 and all(c in "0123456789abcdef" for c in colour):
        return f"#{colour}"
    return colour.replace("brown", "yellow").replace("bright", "bright_")


async def discord() -> None:
    """Ask the bundled model in a loopback Discord and draw its message at several moments."""
    from bot.demo import CHECKPOINT
    from tests.loopback.discord import DiscordServer
    from tests.scenes.program import running

    async with DiscordServer() as server:
        guild = server.guild("Cuzco")
        channel, ann = guild.channel("knots"), guild.member("Ann")
        with tempfile.TemporaryDirectory() as folder:
            server.limits.edits(50, 1.0)
            async with running(server, Path(folder), CHECKPOINT, tokens=256):
                question = await ann.mentions(channel, ASKED)
                await channel.wait_for(
                    lambda _: channel.from_bot and not channel.from_bot[0].content.endswith("▌"),
                    60,
                )
        timeline = channel.from_bot[0].timeline
        begun = question.timeline[0].at
        step = max(1, (len(timeline) - 1) // (FRAMES - 1))
        chosen = [*timeline[:-1:step][: FRAMES - 1], timeline[-1]]
        frames = [(version.at - begun, version.content) for version in chosen]
    (HERE / "discord.svg").write_text(svg(frames), encoding="utf-8")


def svg(frames: list[tuple[float, str]]) -> str:
    """The question once, then the one message as it stood at each moment."""
    width, x, y = 760, 72, 30
    body = [message(x, y, "Ann", "#e5533d", f"@Quipu {ASKED}", "")]
    y += 66
    for seconds, content in frames:
        body.append(message(x, y, "Quipu", "#3d8fe5", content, f"after {seconds:.1f} s"))
        y += 44 + 20 * len(lines_of(content))
    style = "font-family:'gg sans','Noto Sans',Helvetica,Arial,sans-serif;font-size:15px"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" style="{style}">'
        f'<rect width="{width}" height="{y}" rx="8" fill="#313338"/>{"".join(body)}</svg>\n'
    )


def message(x: int, y: int, name: str, colour: str, content: str, note: str) -> str:
    """One message with its author."""
    tag = '<tspan fill="#5865f2" font-size="11" dx="6">APP</tspan>' if name == "Quipu" else ""
    rows = "".join(
        f'<text x="{x}" y="{y + 26 + 20 * i}" fill="#dbdee1" xml:space="preserve">'
        f"{html.escape(row)}</text>"
        for i, row in enumerate(lines_of(content))
    )
    return (
        f'<circle cx="38" cy="{y + 8}" r="20" fill="{colour}"/>'
        f'<text x="38" y="{y + 14}" fill="#fff" text-anchor="middle">{name[0]}</text>'
        f'<text x="{x}" y="{y + 4}" fill="#fff" font-weight="600">{name}{tag}'
        f'<tspan fill="#949ba4" font-size="12" font-weight="400" dx="8">{note}</tspan></text>{rows}'
    )


def lines_of(content: str) -> list[str]:
    """The content as Discord would wrap it."""
    return [row for line in content.splitlines() for row in textwrap.wrap(line, 84) or [""]]


if __name__ == "__main__":
    terminal()
    asyncio.run(discord())
