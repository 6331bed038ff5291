"""The configuration as frozen values: one class for each section, with every default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.settings.models import AdapterSettings, ModelSettings, completed
from bot.settings.people import AccessSettings, LimitSettings, PresetSettings
from bot.settings.platforms import DiscordSettings, HttpSettings, SlackSettings
from bot.settings.secrets import configured
from bot.settings.units import Between, Duration, FilePath, Fraction, Says, Section, Whole, reads
from bot.values import Sampling

PERSONA = "You are Quipu, a friendly assistant in this chat. Answer briefly and honestly."


class SamplingSettings(Section):
    """How tokens are chosen, where this differs from what the model itself recommends."""

    max_new_tokens: Annotated[Whole | None, Between(1, 131_072, "tokens")] = None
    temperature: Annotated[Fraction | None, Between(0, 5)] = None
    top_p: Annotated[Fraction | None, Between(0, 1, above=True)] = None
    top_k: Annotated[Whole | None, Between(0, 1_000_000, "tokens")] = None
    min_p: Annotated[Fraction | None, Between(0, 1, below=True)] = None
    repetition_penalty: Annotated[Fraction | None, Between(0.5, 2)] = None
    seed: Annotated[Whole | None, Between(0, 2**63 - 1)] = None

    def over(self, recommended: Sampling) -> Sampling:
        """The model's own sampling with what is configured laid over it."""
        own = {name: getattr(recommended, name) for name in recommended.__slots__}
        return Sampling(**own | self.model_dump(exclude_none=True))


class PersonaSettings(Section):
    """The system prompt of every Place that has set none; `file` is read into `text` by `load`."""

    text: Annotated[str, Field(max_length=16_000), Says("text of at most 16,000 characters")] = (
        PERSONA
    )
    file: FilePath | None = None


class ConversationSettings(Section):
    """How much may wait in a Place, and what is done about a time that the bot was away."""

    waiting: Annotated[Whole, Between(1, 1_000, "messages")] = 8
    journal_interval: Annotated[Duration, Between(0.1, 60, "s")] = 1.0
    resume_within: Annotated[Duration, Between(0, 86_400, "s")] = 600.0
    catch_up_within: Annotated[Duration, Between(0, 86_400, "s")] = 3_600.0
    catch_up_messages: Annotated[Whole, Between(0, 1_000, "messages")] = 50


class DatabaseSettings(Section):
    """Where everything is journalled; without `url`, a SQLite file in the data folder."""

    url: Annotated[
        SecretStr | None,
        reads(r"(sqlite|postgresql)(\+\w+)?://.*"),
        Says("sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"),
    ] = None


class DataSettings(Section):
    """The folder for what Quipu keeps, and for how many days (0 is for ever)."""

    folder: FilePath = Field(
        default_factory=lambda: user_data_path("quipu", appauthor=False), validate_default=True
    )
    retention: Annotated[Whole, Between(0, 3_650, "days")] = 0
    prompts: Annotated[Whole, Between(0, 3_650, "days")] = 30


class LogSettings(Section):
    """What is logged to standard error, and how; `texts` is for finding faults only."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    texts: bool = False


class ShutdownSettings(Section):
    """How long running answers may go on once a stop was asked for."""

    deadline: Annotated[Duration, Between(0, 3_600, "s")] = 20.0


class Settings(BaseSettings):
    """The whole configuration, read once by `load` and handed on."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="QUIPU_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    discord: DiscordSettings | None = None
    slack: SlackSettings | None = None
    http: HttpSettings | None = None
    model: ModelSettings = ModelSettings()
    models: tuple[ModelSettings, ...] = ()
    adapters: tuple[AdapterSettings, ...] = ()
    sampling: SamplingSettings = SamplingSettings()
    persona: PersonaSettings = PersonaSettings()
    presets: PresetSettings = Field(default_factory=lambda: PresetSettings.model_validate({}))
    access: AccessSettings = AccessSettings()
    limits: LimitSettings = LimitSettings()
    conversation: ConversationSettings = ConversationSettings()
    database: DatabaseSettings = DatabaseSettings()
    data: DataSettings = Field(default_factory=DataSettings)
    log: LogSettings = LogSettings()
    shutdown: ShutdownSettings = ShutdownSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, which comes as keyword arguments."""
        return env_settings, init_settings

    @property
    def connects(self) -> tuple[str, ...]:
        """The platforms to connect to; none means the terminal."""
        sections = {"discord": self.discord, "slack": self.slack}
        return tuple(name for name, section in sections.items() if section and section.enabled)

    @property
    def every_model(self) -> tuple[ModelSettings, ...]:
        """The default model, then the others; each with its title, idle time and warmth."""
        return completed((self.model, *self.models))

    def adapters_of(self, title: str) -> tuple[AdapterSettings, ...]:
        """The adapters of a model; those that name none belong to the first one."""
        first = self.every_model[0].title
        return tuple(each for each in self.adapters if (each.model or first) == title)

    @property
    def serves(self) -> HttpSettings | None:
        """Where to listen for HTTP; None if nobody asked for it."""
        needed = self.slack is not None and self.slack.enabled and self.slack.needs_http
        return self.http or (HttpSettings() if needed else None)

    @property
    def names(self) -> tuple[str, ...]:
        """What the HTTP server is called by those who ask it."""
        own = self.serves.hosts if self.serves else ()
        public = urlsplit(self.slack.public_url or "").hostname if self.slack else None
        return (*own, public) if public else own

    @property
    def database_url(self) -> str:
        """The address of the database, with its password if it has one."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite:///{self.data.folder / 'quipu.db'}"

    @property
    def heartbeat(self) -> Path:
        """The file that a running Quipu touches, for `quipu health`."""
        return self.data.folder / "heartbeat"

    def secrets(self) -> tuple[str, ...]:
        """What must never be printed."""
        found = configured(self)
        if password := _password(self.database_url):
            found += [password, unquote(password)]
        return tuple(found)


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # such as an unclosed bracket of an IPv6 address
        return url.partition("://")[2]
