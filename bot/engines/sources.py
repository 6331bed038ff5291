"""The configured models as sources, the default first."""

from __future__ import annotations

from bot.engines.endpoint import EndpointSource
from bot.engines.engine import Source
from bot.engines.local import LocalSource
from bot.errors import ConfigError
from bot.settings import ModelSettings, Settings

ALONE = 0.8
"""Of the memory that is free beside a model's weights, for its conversations."""


def sources(settings: Settings) -> list[Source]:
    """One for each model of the configuration; nothing is opened yet."""
    return [_source(settings, model) for model in settings.every_model]


def source(settings: Settings, title: str) -> Source | None:
    """The model of that title, if there is one."""
    return next((each for each in sources(settings) if each.title == title), None)


def alone(settings: Settings, title: str | None) -> Settings:
    """A configuration of that model only, for whoever talks to just one; ConfigError if unknown."""
    models = {str(model.title): model for model in settings.every_model}
    chosen = str(settings.every_model[0].title) if title is None else title
    if chosen not in models:
        raise ConfigError(f"there is no model {chosen!r}; there are {', '.join(models)}")
    model = models[chosen].model_copy(update={"warm": True, "idle": 0.0})
    adapters = settings.adapters_of(chosen)
    return settings.model_copy(update={"model": model, "models": (), "adapters": adapters})


def _source(settings: Settings, model: ModelSettings) -> Source:
    adapters = settings.adapters_of(str(model.title))
    if not model.is_local:
        return EndpointSource(model, settings.sampling, adapters)
    return LocalSource(sharing(settings, model), settings.sampling, adapters)


def sharing(settings: Settings, model: ModelSettings) -> ModelSettings:
    """Several local models share evenly what one alone would take, unless they say otherwise."""
    several = sum(each.is_local for each in settings.every_model)
    if not model.is_local or model.memory is not None or several == 1:
        return model
    return model.model_copy(update={"memory": ALONE / several})
