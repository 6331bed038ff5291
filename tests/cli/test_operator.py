"""The operator's commands on a real database: feedback as TRL reads it, forgetting, totals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.cli import run_command
from bot.control.records import Origin, Preference, Verdict, Vote
from bot.values import (
    Author,
    Finish,
    FinishReason,
    Inbound,
    Place,
    Prompt,
    ReplyState,
)
from storage import SqlStore, open_store, upgrade
from storage.records import SqlRecords

PLACE = Place("discord", "1", "2")
ANN, BOB = Author("7", "Ann"), Author("8", "Bob")
PROMPT = Prompt(
    (1,), "[INST] hi [/INST]", None, 1, 0, messages=(("system", "Be kind."), ("user", "hi"))
)
SAMPLING = (("temperature", 0.6), ("stop", ()), ("logit_bias", ((1, 2.0),)))
MESSAGES = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(f'[data]\nfolder = "{tmp_path}"\n', encoding="utf-8")
    return tmp_path


def live(folder: Path, life: Callable[[SqlStore, SqlRecords], Awaitable[None]]) -> None:
    """Let something happen in the database before the command."""

    async def lived() -> None:
        url = f"sqlite:///{folder / 'quipu.db'}"
        await upgrade(url)
        store = await open_store(url)
        try:
            await life(store, SqlRecords(store.database))
        finally:
            await store.close()

    asyncio.run(lived())


async def answered(store: SqlStore, *texts: str, author: Author = ANN) -> int:
    """One reply with so many alternatives."""
    number = datetime.now(UTC).isoformat()
    reply = await store.claim(Inbound(PLACE, author, "hi", number, datetime.now(UTC)))
    assert reply is not None
    for seed, text in enumerate(texts):
        finish = Finish(FinishReason.STOP, 3, 5, seed=seed)
        await store.complete(reply.id, text, finish, PROMPT, Origin("kind", "", "", SAMPLING))
    await store.end(reply.id, ReplyState.DELIVERED)
    return reply.id


async def judged(store: SqlStore, records: SqlRecords) -> None:
    one = await answered(store, "good", "bad", "so so")
    for number, author, verdict in (
        (1, ANN, Verdict.UP),
        (2, ANN, Verdict.DOWN),
        (3, ANN, Verdict.UP),
        (3, BOB, Verdict.DOWN),
    ):
        await records.vote(Vote(one, number, author, verdict, "because"))
    two = await answered(store, "worse", "better")
    await records.prefer(Preference(two, 2, 1, BOB))
    await answered(store, "nobody judged this")


def exported(capsysbinary: pytest.CaptureFixture[bytes], shape: str) -> list[dict[str, Any]]:
    assert run_command(["export", "feedback", "--format", shape]) == 0
    out = capsysbinary.readouterr().out.decode()
    return [json.loads(line) for line in out.splitlines()]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def test_supervised_lines_are_answers_that_were_liked(
    config: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    live(config, judged)
    (line,) = exported(capsysbinary, "sft")
    assert (line["prompt"], line["completion"]) == (MESSAGES, said("good"))
    assert line["metadata"]["model"] == "kind"
    assert line["metadata"]["seed"] == 0
    assert line["metadata"]["sampling"] == {"temperature": 0.6}
    assert set(line) == {"prompt", "completion", "metadata"}


def test_kto_lines_are_labelled_and_even_votes_say_nothing(
    config: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    live(config, judged)
    lines = exported(capsysbinary, "kto")
    assert [(line["completion"], line["label"]) for line in lines] == [
        (said("good"), True),
        (said("bad"), False),
    ]


def test_preference_lines_come_from_choices_and_from_opposite_votes(
    config: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    live(config, judged)
    lines = exported(capsysbinary, "preference")
    assert [(line["chosen"], line["rejected"]) for line in lines] == [
        (said("good"), said("bad")),
        (said("better"), said("worse")),
    ]
    assert {tuple(line) for line in lines} == {("prompt", "chosen", "rejected", "metadata")}


def test_feedback_of_who_opted_out_is_not_exported(
    config: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async def opted_out(store: SqlStore, records: SqlRecords) -> None:
        await judged(store, records)
        await records.use_feedback("discord", ANN.id, use=False)

    live(config, opted_out)
    assert exported(capsysbinary, "kto") == []


def test_an_export_can_go_into_a_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live(config, judged)
    assert run_command(["export", "feedback", "--output", "made.jsonl"]) == 0
    assert len((config / "made.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    assert capsys.readouterr().out == ""
    assert run_command(["export", "feedback", "--output", "no/such/folder"]) == 2


def test_a_person_is_forgotten(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live(config, judged)
    assert run_command(["forget", "person", "discord", "7", "--yes"]) == 0
    assert "3 messages" in capsys.readouterr().err

    async def gone(store: SqlStore, records: SqlRecords) -> None:
        assert (await records.stored("discord", "7")).messages == 0
        assert (await records.stored("discord", "8")).votes == 2

    live(config, gone)


def test_a_preset_that_ends_with_a_line_stays_with_who_chose_it_gone(config: Path) -> None:
    with (config / "config.toml").open("a", encoding="utf-8") as file:
        file.write('[presets]\nRaven = """\nYou are a raven.\nCaw.\n"""\n')

    async def chosen(store: SqlStore, records: SqlRecords) -> None:
        await store.set_persona(PLACE.id, "You are a raven.\nCaw.", ANN)

    live(config, chosen)
    assert run_command(["forget", "person", "discord", "7", "--yes"]) == 0

    async def there(store: SqlStore, records: SqlRecords) -> None:
        persona = await store.persona(PLACE.scopes)
        assert persona is not None
        assert (persona.text, persona.set_by) == ("You are a raven.\nCaw.", "")

    live(config, there)


def test_forgetting_needs_a_yes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live(config, judged)
    assert run_command(["forget", "person", "discord", "7"]) == 2
    assert run_command(["forget", "place", PLACE.id]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert run_command(["forget", "person", "irc", "7", "--yes"]) == 2
    assert run_command(["forget", "place", "nowhere", "--yes"]) == 2


def test_a_place_is_forgotten(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live(config, judged)
    assert run_command(["forget", "place", PLACE.id, "--yes"]) == 0
    assert capsys.readouterr().out == "6 messages deleted\n"


def test_totals_are_shown_for_people_and_machines(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live(config, judged)
    assert run_command(["stats", "--json"]) == 0
    totals = json.loads(capsys.readouterr().out)
    assert totals["turns"] == 6
    assert totals["days"][0]["replies"] == 6
    assert run_command(["stats"]) == 0
    shown = capsys.readouterr().out
    assert "replies: 3 delivered" in shown


@pytest.mark.parametrize("group", ["export", "forget"])
def test_a_group_alone_shows_its_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([group]) == 0
    assert "Usage: quipu" in capsys.readouterr().out
