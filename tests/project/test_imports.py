"""Imports run one way: the table of ARCHITECTURE.md, enforced."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.project.sources import ROOT, Import, imports

COMPOSITION = {
    "bot/app.py",
    "bot/cli.py",
    "bot/commands/database.py",
    "bot/examination.py",
    "bot/operation/watch.py",
    "bot/platforms.py",
    "bot/__main__.py",
}
SHARED = (
    "bot.plain",
    "bot.values",
    "bot.errors",
    "bot.extras",
    "bot.ports",
    "bot.control",
    "bot.operation.facts",
    "bot.operation.figures",
)
PLATFORMS = ("discord", "slack_sdk", "slack_bolt", "aiohttp")
SLACK = ("slack_sdk", "slack_bolt")
INSTALLATIONS = "storage/installations.py"
"""The one file of storage that knows a platform's library: the SDK's own tables."""
HEAVY = ["torch", "transformers", *PLATFORMS, "sqlalchemy", "alembic", "storage", "adapters"]


def listed(found: list[Import]) -> str:
    return "\n".join(map(str, found))


def test_the_core_knows_neither_adapters_nor_storage() -> None:
    wrong = [
        found
        for found in imports("bot")
        if found.is_of("adapters", "storage") and found.file not in COMPOSITION
    ]
    assert not wrong, listed(wrong)


def test_the_core_knows_no_platform() -> None:
    wrong = [found for found in imports("bot") if found.is_of(*PLATFORMS)]
    assert not wrong, listed(wrong)


def test_the_composition_root_imports_rooms_inside_the_functions_that_build_them() -> None:
    found = [
        found
        for found in imports("bot")
        if found.file in COMPOSITION and found.is_of("adapters", "storage", "bot.generation")
    ]
    wrong = [each for each in found if not each.late]
    assert found
    assert not wrong, listed(wrong)


def test_storage_knows_only_the_shared_values_of_the_core() -> None:
    wrong = [
        found
        for found in imports("storage")
        if found.is_of("adapters", *PLATFORMS) or (found.is_of("bot") and not found.is_of(*SHARED))
        if not (found.file == INSTALLATIONS and found.is_of("slack_sdk"))
    ]
    assert not wrong, listed(wrong)


def test_adapters_know_only_the_shared_values_and_pacing_of_the_core() -> None:
    wrong = [
        found
        for found in imports("adapters")
        if found.is_of("storage")
        or (found.is_of("bot") and not found.is_of(*SHARED, "bot.reply.budget"))
    ]
    assert not wrong, listed(wrong)


def test_adapters_do_not_know_one_another() -> None:
    wrong = [
        found
        for found in imports("adapters")
        if found.is_of("adapters") and found.module.split(".")[1:2] != [found.file.split("/")[1]]
    ]
    assert not wrong, listed(wrong)


def test_torch_is_at_home_in_generation_alone() -> None:
    homes = ("bot/generation/", "bot/demo/training/")
    wrong = [
        found
        for found in imports("bot", "adapters", "storage")
        if found.is_of("torch") and not found.file.startswith(homes)
    ]
    assert not wrong, listed(wrong)


def test_databases_are_at_home_in_storage_alone() -> None:
    wrong = [
        found
        for found in imports("bot", "adapters")
        if found.is_of("sqlalchemy", "alembic", "aiosqlite", "sqlite3")
    ]
    assert not wrong, listed(wrong)


def test_each_platform_library_is_at_home_in_its_adapter_alone() -> None:
    wrong = [
        found
        for found in imports("bot", "adapters", "storage")
        if (found.is_of("discord") and not found.file.startswith("adapters/discord/"))
        or (
            found.is_of(*SLACK)
            and not found.file.startswith("adapters/slack/")
            and found.file != INSTALLATIONS
        )
    ]
    assert not wrong, listed(wrong)


def test_the_manifest_can_be_printed_without_the_sdk() -> None:
    wrong = [
        found
        for found in imports("adapters")
        if found.file in {"adapters/slack/__init__.py", "adapters/slack/manifest.py"}
        and found.is_of(*PLATFORMS, "adapters")
    ]
    assert not wrong, listed(wrong)


def test_importing_the_program_loads_nothing_heavy() -> None:
    code = (
        "import bot.app, bot.cli, json, sys;"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
