"""The command line: `quipu run`, `chat`, `prompt`, `doctor`, `models` and so on.

A failure is one clear line for each thing wrong and an exit code: 2 for a mistake in the call or
the configuration, 1 for anything else. Tracebacks are for --debug.
"""

import asyncio
import os
import re
import stat
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from bot import __version__, heartbeat, log
from bot.commands import database, models, operator, support
from bot.errors import ConfigError, GeneratorLost, QuipuError
from bot.examination import HOW_TO_CONNECT
from bot.settings import Settings, load
from bot.settings.secrets import VARIABLES
from bot.stopping import START_AGAIN, leave
from bot.values import Prompt

SECRET_VARIABLES = (*VARIABLES.values(), "SLACK_CONFIG_TOKEN", "HF_TOKEN")
LONGEST_APP_NAME = 35
"""Characters that Slack gives the name of an app."""


@dataclass(slots=True)
class Call:
    """One call of the program: its global options, and what must not be printed in it."""

    config: Path | None = None
    debug: bool = False
    mask: log.Mask = field(
        default_factory=lambda: log.Mask(os.environ.get(name, "") for name in SECRET_VARIABLES)
    )

    def prepare(self, *, quiet: bool = False) -> Settings:
        """Load the configuration and set up logging; `quiet` leaves the screen to a chat."""
        settings = load(self.config)
        hidden = [os.environ.get(name, "") for name in SECRET_VARIABLES]
        self.mask = log.Mask([*hidden, *settings.secrets()])
        level = "debug" if self.debug else settings.log.level
        if quiet and level == "info":
            level = "warning"
        log.set_up(level, settings.log.format, self.mask, texts=settings.log.texts)
        return settings

    def complain(self, error: BaseException) -> None:
        """Say what went wrong on standard error, one line for each thing."""
        if self.debug:
            print_safely(self.mask("".join(traceback.format_exception(error)).rstrip("\n")))
        while isinstance(error, BaseExceptionGroup):  # a TaskGroup's; the first one is the cause
            error = error.exceptions[0]
        for line in self.mask(_words(error)).splitlines():
            print_safely(f"quipu: {line}")


def main() -> NoReturn:
    """The entry point of the program."""
    log.catch_strays()
    leave(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Carry out one command line and return the exit code."""
    call = Call()
    try:
        command = get_command(build())
        code = command.main([*arguments], prog_name="quipu", standalone_mode=False, obj=call)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # whoever read us has gone; Python would complain again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (TyperException, ConfigError) as error:
        call.complain(error)
        return 2
    except GeneratorLost as error:
        call.complain(error)
        return START_AGAIN
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  the last place where it can become a line
        call.complain(error)
        return 1
    return code if isinstance(code, int) else 0


def build() -> typer.Typer:
    """The commands and their options."""
    app = typer.Typer(
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(quipu)
    for command in (run, chat, prompt, doctor, health):
        app.command()(command)
    slack = typer.Typer(help="Set up Slack.", no_args_is_help=False)
    slack.callback(invoke_without_command=True)(_help_alone)
    slack.command()(manifest)
    app.add_typer(slack, name="slack")
    app.add_typer(database.build(), name="db")
    app.add_typer(models.build(), name="models")
    operator.add_to(app)
    app.command("support")(support.bundle)
    return app


def quipu(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file; otherwise $QUIPU_CONFIG or ./config.toml."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log more; show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """A self-hosted chat bot with a Llama 2 chat model inside its own process."""
    if version:
        typer.echo(f"quipu {__version__}")
        raise typer.Exit
    call: Call = context.obj
    call.config, call.debug = config, debug
    _help_alone(context)


def run(context: typer.Context) -> None:
    """Connect to the configured platforms; with none, open a chat here."""
    call: Call = context.obj
    settings = call.prepare(quiet=False)
    if settings.connects:
        from bot import app

        asyncio.run(app.run(settings))
    elif _somebody_talks():
        print_safely(f"quipu: {HOW_TO_CONNECT}")
        chat(context)
    else:
        raise ConfigError(f"{HOW_TO_CONNECT}; or use `quipu chat`")


def chat(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="Title of a configured model.")] = None,
) -> None:
    """Chat here; with piped standard input, answer each line in turn."""
    call: Call = context.obj
    settings = call.prepare(quiet=True)
    from bot import app

    interactive = sys.stdin is not None and sys.stdin.isatty()
    asyncio.run(app.chat(settings, interactive=interactive, model=model))


def prompt(
    context: typer.Context,
    source: Annotated[
        str, typer.Option("--json", metavar="FILE", help='JSON file, "-" for standard input.')
    ] = "-",
    model: Annotated[
        str | None, typer.Option(help="Title, name or folder; the small files of a model suffice.")
    ] = None,
) -> None:
    """Show the exact prompt that a dialog becomes, as text and as token ids."""
    call: Call = context.obj
    settings = call.prepare(quiet=True)
    from bot import app
    from bot.commands import dialogs

    if source == "-" and sys.stdin.isatty():
        print_safely("quipu: type a dialog as JSON and end it with Ctrl-D")
    given, is_list = dialogs.read(source, sys.stdin.buffer)
    prompts = app.prompt(settings, given, model=model)
    shown = [_prompt_as_json(each) for each in prompts]
    _print_json(shown if is_list else shown[0])


def doctor(context: typer.Context) -> int:
    """Check everything that `quipu run` needs, and say how to mend what is wrong."""
    from bot.commands.findings import show
    from bot.examination import examine, mistakes

    call: Call = context.obj
    try:
        findings = examine(call.prepare(quiet=True), call.config)
    except ConfigError as error:
        findings = mistakes(error)
    show(findings, sys.stdout)
    return int(any(finding.severity == "error" for finding in findings))


def health(
    context: typer.Context,
    ready: Annotated[
        bool, typer.Option("--ready", help="Also exit 1 if people would not be answered now.")
    ] = False,
) -> int:
    """Exit 0 if a Quipu with this configuration is running and alive, for health checks."""
    call: Call = context.obj
    settings = call.prepare(quiet=True)
    age = heartbeat.age(settings.heartbeat)
    alive = heartbeat.fresh(settings.heartbeat)
    seen = "no sign of life yet" if age is None else f"last sign of life {age:.0f} s ago"
    typer.echo(f"{'alive' if alive else 'not alive'}: {seen}")
    unready = heartbeat.unready(settings.heartbeat) if alive else ""
    if unready:
        typer.echo(f"not ready: {unready}")
    return 0 if alive and not (ready and unready) else 1


def manifest(
    http: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Events by HTTP at this public address."),
    ] = None,
    install: Annotated[
        str | None,
        typer.Option(metavar="URL", help="For many workspaces: install pages at this address."),
    ] = None,
    name: Annotated[str, typer.Option(help="The app's name.")] = "Quipu",
) -> None:
    """Print the manifest to create the Slack app from; nothing has to be configured for it."""
    from adapters.slack.manifest import manifest as made

    for option, url in (("--http", http), ("--install", install)):
        if url is not None and not re.fullmatch(r"https?://\S+", url):
            raise ConfigError(f"{option} must be an address such as https://quipu.example.org")
    if not 0 < len(name) <= LONGEST_APP_NAME:
        raise ConfigError(f"--name must have 1 to {LONGEST_APP_NAME} characters")
    _print_json(made(name=name, http=http, install=install), indent=2)


def _somebody_talks() -> bool:
    """Whether standard input is a terminal, or lines come from a pipe or file.

    A service's is neither: it is closed or /dev/null.
    """
    if sys.stdin is None or sys.stdin.closed:
        return False
    kind = os.fstat(sys.stdin.fileno()).st_mode
    return sys.stdin.isatty() or stat.S_ISFIFO(kind) or stat.S_ISREG(kind)


def print_safely(line: str) -> None:
    """Print to standard error, whatever it is connected to."""
    typer.echo(line, err=True)


def _help_alone(context: typer.Context) -> None:
    """Show the help where no command follows."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _words(error: BaseException) -> str:
    if isinstance(error, TyperException):
        return f"{error.format_message().rstrip('.')} (see quipu --help)"
    if isinstance(error, QuipuError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}".rstrip(": ") + " (--debug shows where)"


def _prompt_as_json(made: Prompt) -> dict[str, Any]:
    fields = asdict(made) | {"persona": made.persona.text if made.persona else None}
    first = ("text", "ids", "kept", "dropped", "persona")
    return {name: fields.pop(name) for name in first} | fields


def _print_json(value: Any, *, indent: int | None = None) -> None:
    import json

    text = json.dumps(value, ensure_ascii=False, indent=indent)
    typer.echo(text.encode())  # bytes: in any locale
