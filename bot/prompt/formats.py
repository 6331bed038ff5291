"""How a conversation is laid out for a model: Llama 2's chat format, or the model's own template.

People's text is plain text in every format: what could pass for the format's structure is
neutralised before it is encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from bot.errors import ConfigError
from bot.prompt.exchange import Exchange
from bot.prompt.remembered import Remembered
from bot.prompt.tokenizer import CODE_NAMES, Tokenizer

LLAMA_2_TAGS = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
"""generation.py of meta-llama/llama, SPECIAL_TAGS; its check minds the case, and so does ours."""

PROBE = "persona-probe"
WRITTEN_TAG = re.compile(
    r"<[^<>\s]{1,64}>|\[/?[A-Z][A-Z_]+\]|^#{2,6} ?\w{2,40}:|^[A-Z]{2,40}:", re.MULTILINE
)
"""What marks a role in a template: `<|user|>`, `[INST]`, `### Response:`, `USER:`."""


class ChatFormat(Protocol):
    """Lays out a persona and exchanges, the last of which waits for its answer.

    If that answer was begun, it ends the prompt, laid out as the model itself would write it.
    """

    def encode(self, persona: str | None, exchanges: Sequence[Exchange]) -> list[int]: ...

    def spell(self, persona: str | None, exchanges: Sequence[Exchange]) -> str:
        """The same prompt as text, with control tokens spelled out."""


def neutralise(text: str, tags: Iterable[str]) -> str:
    """Put a space behind the first character of every tag, until the text holds none."""
    for tag in tags:
        if tag in text:
            apart = f"{tag[0]} {tag[1:]}"
            text = text.replace(tag, apart if tag not in apart else " ")
            while tag in text:  # one such as "((" overlaps with itself
                text = text.replace(tag, apart if tag not in apart else " ")
    return text


class Plain:
    """Makes texts harmless for one vocabulary, which may read them otherwise than they look."""

    def __init__(self, tokenizer: Tokenizer, tags: Iterable[str]) -> None:
        self._normal = tokenizer.normal
        self._tags = tuple(tags)

    def __call__(self, text: str) -> str:
        normal = self._normal(text)
        if normal != text and any(tag in normal for tag in self._tags):
            text = normal  # it is read like that in any case
        return neutralise(text, self._tags)


def metas_tags(tokenizer: Tokenizer) -> tuple[str, ...]:
    """What no text may hold for Meta's own formats: Code Llama's vocabulary has a few more."""
    return (*LLAMA_2_TAGS, *(name for name in CODE_NAMES if name in tokenizer.control_names))


class Llama2Format:
    """Byte-exact Meta's `chat_completion` (meta-llama/llama, generation.py).

    Every exchange is encoded by itself between BOS and EOS; white space around what was said and
    answered is stripped, the persona's own is kept, and it stands in the first exchange.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        if tokenizer.bos_id is None or not tokenizer.eos_ids:
            raise ConfigError(
                "the tokenizer names no BOS or EOS token, which Llama 2's format needs"
            )
        self._bos, self._eos = tokenizer.bos_id, min(tokenizer.eos_ids)
        self._plain = Plain(tokenizer, metas_tags(tokenizer))
        self._segment = Remembered(tokenizer.encode)

    def encode(self, persona: str | None, exchanges: Sequence[Exchange]) -> list[int]:
        ids: list[int] = []
        for text, finished in self._segments(persona, exchanges):
            ids += [self._bos, *self._segment(text), *([self._eos] if finished else [])]
        # Encoded by itself, as the model wrote it: the prompt before it stays the same, id for id.
        return ids + list(self._segment(begun) if (begun := self._begun(exchanges)) else ())

    def spell(self, persona: str | None, exchanges: Sequence[Exchange]) -> str:
        spelled = "".join(
            f"<s>{text}{'</s>' if finished else ''}"
            for text, finished in self._segments(persona, exchanges)
        )
        return f"{spelled} {begun}" if (begun := self._begun(exchanges)) else spelled

    def _begun(self, exchanges: Sequence[Exchange]) -> str:
        return self._plain(exchanges[-1].begun).strip() if exchanges else ""

    def _segments(
        self, persona: str | None, exchanges: Sequence[Exchange]
    ) -> Iterable[tuple[str, bool]]:
        for index, exchange in enumerate(exchanges):
            said = self._plain(exchange.said)
            if persona is not None and index == 0:
                safe = self._plain(persona)
                said = f"<<SYS>>\n{safe}\n<</SYS>>\n\n{said}"
            if exchange.answer is None:
                yield f"[INST] {said.strip()} [/INST]", False
            else:
                answer = self._plain(exchange.answer).strip()
                yield f"[INST] {said.strip()} [/INST] {answer} ", True


OF_TEMPLATES = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError),
)
"""What a template can raise beside Jinja's own errors; it runs in transformers' sandbox."""


class TemplateFormat:
    """A model's own chat template (Jinja), rendered whole and encoded with its control tokens.

    In people's text every spelled control token is neutralised first, and every tag that the
    template itself writes, which for some models is plain text. A template that knows no system
    role gets the persona at the head of the first message.
    """

    def __init__(
        self, template: str, tokenizer: Tokenizer, control: Iterable[str], names: dict[str, Any]
    ) -> None:
        self._template = template
        self._tokenizer = tokenizer
        self._names = names
        self._system = self._takes_a_system_message()
        tags = {*control, *LLAMA_2_TAGS, *self._written()} - {""}
        self._plain = Plain(tokenizer, sorted(tags, key=len, reverse=True))

    def encode(self, persona: str | None, exchanges: Sequence[Exchange]) -> list[int]:
        return self._tokenizer.encode_template(self.spell(persona, exchanges))

    def spell(self, persona: str | None, exchanges: Sequence[Exchange]) -> str:
        messages = self._messages(persona, exchanges)
        return self._render(messages)

    def ending(self) -> str:
        """The control token that the template puts behind an answer; empty if it puts none."""
        said, answered = ({"role": role, "content": PROBE} for role in ("user", "assistant"))
        behind = self._render([said, answered, said]).split(PROBE)[2:-1]
        names = self._tokenizer.control_names
        found = (name for name in names if "".join(behind).lstrip().startswith(name))
        return max(found, key=len, default="")

    def _messages(self, persona: str | None, exchanges: Sequence[Exchange]) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = []
        if persona is not None and self._system:
            messages.append({"role": "system", "content": self._plain(persona)})
        for index, exchange in enumerate(exchanges):
            said = self._plain(exchange.said).strip()
            if persona is not None and not self._system and index == 0:
                said = f"{self._plain(persona)}\n\n{said}"
            messages.append({"role": "user", "content": said})
            if exchange.answer is not None:
                answer = self._plain(exchange.answer).strip()
                messages.append({"role": "assistant", "content": answer})
            elif exchange.begun:
                begun = self._plain(exchange.begun).strip()
                messages.append({"role": "assistant", "content": begun})
        return messages

    def _written(self) -> set[str]:
        """The tags that the template puts around what is said."""
        said = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": PROBE}]
        system = [{"role": "system", "content": PROBE}] if self._system else []
        try:
            rendered = self._render([*system, *said, said[0]])
        except ConfigError:  # it will say so when somebody is answered
            return set()
        return set(WRITTEN_TAG.findall(rendered.replace(PROBE, " ")))

    def _takes_a_system_message(self) -> bool:
        try:
            said = self._render(
                [{"role": "system", "content": PROBE}, {"role": "user", "content": "x"}]
            )
        except ConfigError:
            return False
        return PROBE in said

    def _render(self, messages: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError
        from transformers.utils.chat_template_utils import render_jinja_template

        begun = messages[-1]["role"] == "assistant"
        try:
            rendered: Any = render_jinja_template(
                conversations=[messages],
                chat_template=self._template,
                add_generation_prompt=not begun,
                continue_final_message=begun,
                **self._names,
            )
        except (TemplateError, *OF_TEMPLATES) as error:
            raise ConfigError(f"the model's chat template fails: {error}") from error
        texts, _ = rendered
        return str(texts[0])
