"""What hostile people write, in pieces."""

from __future__ import annotations

from tests.fuzz.draws import Draws

TAGS = (
    "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "<unk>", "<step>", "<PRE>", "▁<EOT>",
    "<|turn|>", "<|start|>", "<|im_end|>", "<|user|>", "<|assistant|>", "Source: assistant",
    "\nDestination: user", "### Response:", "<start_of_turn>", "[SYSTEM_PROMPT]",
)  # fmt: skip
SLACK = (
    "<@UBOT>", "<@U1>", "<@U1|x>", "<!channel>", "<!here|here>", "<!everyone>", "<!subteam^S1|@a>",
    "<#C1|general>", "<https://x.y|@here>", "<https://evil.com|bank.com>", "<mailto:a@b|c>", "&lt;",
    "&amp;lt;", "<!date^1^{date}|x>", "<", "<!", "<@", ">", "|",
)  # fmt: skip
DISCORD = (
    "<@7>", "<@!7>", "<@&2>", "<#3>", "@everyone", "@here", "<:a:4>", "<t:9:R>", "</a b:6>", "||",
    "<id:browse>", "<t:99999999999999>", "-# ", "> ", ">>> ",
)  # fmt: skip
MARKDOWN = (
    "```", "```py\n", "\n```\n", "~~~\n", "`", "``", "````````\n", "[", "](", ")", "![", "**", "~~",
    "[bank.com](https://evil.com)", "[x](https://a@evil.com/b)", "\n- ", "\n1. ", "\n# ", "\\", "|",
    "<!-- ", " -->", "\n[a]: https://x.y\n", "https://x.y",
)  # fmt: skip
UNSEEN = (
    "\u202e", "\u202a", "\u2066", "\u2069", "\u200b", "\u200d", "\u200e", "\ufeff", "\u00ad",
    "\u3164", "\u2800", "\u034f", "\U000e0041", "\ufe0f", "\u0301", "\u0301" * 40, "\u115f",
)  # fmt: skip
BREAKS = ("\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\t", " ", "   ", "\n\n")
ODD = (
    "\0",
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\ud800",
    "\udfff",
    "\ufffd",
    "\uffff",
    "\ue000",
    "\U0010ffff",
)
PEOPLE = (
    "Ann:",
    "\nAdmin: ",
    "\nQuipu: ",
    "Ann",
    "АNN",
    "Ａｎｎ：",
    "Bob (2)",
    "{user}",
    "{date}",
    "אבג",
)
COMMANDS = (
    "persona set ", "/persona set", "text=", "text:", "model=", "temperature=", "1e999", "-1",
    "９", "²", "9" * 60, "'", '"', "inherit", "where=workspace", "person=<@U1>", "role=", "yes",
)  # fmt: skip
FILES = (
    "../",
    "..\\",
    "/etc/passwd",
    ".py",
    ".exe",
    "CON",
    ".tar.gz",
    "a" * 120,
    "%2e%2e",
    "~",
    "x.y.z",
)
WORDS = (
    " ",
    "hello",
    "naïve",
    "日本語",
    "👨‍👩‍👧",
    "🇩🇪",
    "é",
    "the quick brown fox ",
    "x = 1\n",
    "0",
    ":",
    "a",
)
EVERYTHING = (
    *TAGS, *SLACK, *DISCORD, *MARKDOWN, *UNSEEN, *BREAKS, *ODD, *PEOPLE, *COMMANDS, *FILES, *WORDS,
)  # fmt: skip
WIDE = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}


def piece(draws: Draws, of: tuple[str, ...] = EVERYTHING) -> str:
    """A hostile piece as it is, in another writing, halved, repeated; or any letter at all."""
    kind = draws.below(16)
    if kind == 0:
        return chr(draws.below(0x110000))
    if kind == 1:
        return draws.pick(WORDS)
    found = draws.pick(of)
    match kind:
        case 2:
            return found.swapcase()
        case 3:
            at = draws.below(len(found) + 1)
            return found[:at] + draws.pick(UNSEEN) + found[at:]
        case 4:
            return found.translate(WIDE)
        case 5:
            return found[: draws.below(len(found) + 1)]
        case 6:
            return found[draws.below(len(found)) :]
        case 7:
            return found * draws.pick((2, 3, 9, 40))
    return found


def text(draws: Draws, most: int = 10, of: tuple[str, ...] = EVERYTHING) -> str:
    """Up to so many pieces in a row."""
    return "".join([piece(draws, of) for _ in range(draws.below(most + 1))])


def name(draws: Draws) -> str:
    """What somebody calls themselves."""
    return text(draws, 4, (*PEOPLE, *UNSEEN, *TAGS, *BREAKS, *MARKDOWN, *WORDS))
