"""What the sections of a configuration must agree on, one line for each mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bot.settings.sections import Settings


def disagreements(settings: Settings) -> Iterator[str]:
    """What is wrong although each value by itself is right."""
    yield from (f"[model] {line}" for line in settings.model.mistakes())
    for number, model in enumerate(settings.models, start=1):
        yield from (f"[[models]] {number}: {line}" for line in model.mistakes())
    yield from _titles(settings)
    yield from _adapters(settings)


def _titles(settings: Settings) -> Iterator[str]:
    given = Counter(model.title for model in (settings.model, *settings.models) if model.title)
    for title, times in given.items():
        if times > 1:
            yield f'[[models]] title = "{title}": {times} models have it; each needs its own'


def _adapters(settings: Settings) -> Iterator[str]:
    titles = [str(model.title) for model in settings.every_model]
    seen: set[tuple[str, str]] = set()
    for number, adapter in enumerate(settings.adapters, start=1):
        title = adapter.model or titles[0]
        if title not in titles:
            there = ", ".join(titles)
            yield f"[[adapters]] {number}: there is no model {title}; there are {there}"
        if (title, adapter.name) in seen:
            yield f"[[adapters]] {number}: {title} has an adapter {adapter.name} already"
        seen.add((title, adapter.name))
