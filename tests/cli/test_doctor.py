"""The doctor's checks of configuration, disk and model, on real folders."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bot import doctor, heartbeat
from bot.commands.findings import show, summary
from bot.extras import to_install
from bot.settings.reading import check
from bot.values import Finding

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "max_position_embeddings": 512,
    "eos_token_id": 2,
}


@pytest.fixture
def folder(tmp_path: Path, pieces: Path) -> Path:
    """A checkpoint that lacks nothing but weights."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    (tmp_path / "tokenizer.model").write_bytes(pieces.read_bytes())
    return tmp_path


def save_weights(folder: Path, columns: int, name: str = "model") -> None:
    """A safetensors file that says it has this many numbers, as a sparse file."""
    size = columns * 2
    header = {"weight": {"dtype": "F16", "shape": [1, columns], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    with (folder / f"{name}.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + size)


def model_findings(folder: Path, **model: object) -> list[Finding]:
    return doctor.model(check({"model": {"name": str(folder), "device": "cpu", **model}}))


def test_a_whole_model_passes(folder: Path) -> None:
    save_weights(folder, 1000)
    found = model_findings(folder, dtype="float16")
    assert [finding.severity for finding in found] == ["ok", "ok"]
    assert "context 512 tokens" in found[0].text
    assert "fits: 2.0 kB of weights in float16" in found[1].text
    assert "tokens of conversation" in found[1].text


def test_a_model_may_be_asked_for_in_fewer_bits(folder: Path) -> None:
    save_weights(folder, 10**6)
    last = model_findings(folder, quantisation="int8")[-1]
    assert last.severity == "ok"
    assert "1.0 MB of weights in int8" in last.text


def test_a_model_of_unknown_sizes_is_a_doubt(folder: Path) -> None:
    save_weights(folder, 1000)
    config = {name: value for name, value in LLAMA.items() if name != "num_attention_heads"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    last = model_findings(folder)[-1]
    assert (last.severity, last.mend) == ("warning", doctor.USE_LESS)
    assert "cannot be said" in last.text


def test_a_device_that_is_not_there_is_an_error(folder: Path) -> None:
    save_weights(folder, 1000)
    last = model_findings(folder, device="cuda:99")[-1]
    assert (last.severity, last.mend) == ("error", "see section [model]")


@pytest.mark.parametrize(
    ("library", "extra", "table"),
    [
        ("bitsandbytes", "quantisation", {"model": {"quantisation": "nf4"}}),
        ("peft", "peft", {"adapters": [{"name": "pirate", "path": "./pirate"}]}),
    ],
)
def test_a_library_that_is_needed_and_missing_is_an_error_with_its_command(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    extra: str,
    table: dict[str, Any],
) -> None:
    save_weights(folder, 1000)
    monkeypatch.setitem(sys.modules, library, None)
    model = {"name": str(folder), "device": "cpu", **table.get("model", {})}
    found = doctor.model(check(table | {"model": model}))
    errors = [finding for finding in found if finding.severity == "error"]
    assert [library in finding.text for finding in errors] == [True]
    assert errors[0].mend == f"install it: {to_install(extra)}"


def test_a_library_that_nothing_needs_is_not_missed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(folder, 1000)
    for library in ("bitsandbytes", "peft"):
        monkeypatch.setitem(sys.modules, library, None)
    assert {finding.severity for finding in model_findings(folder)} == {"ok"}


def test_a_model_without_weights_is_an_error(folder: Path) -> None:
    mends = {finding.mend for finding in model_findings(folder) if finding.severity == "error"}
    assert mends == {doctor.GET_WEIGHTS}


def test_a_model_larger_than_the_memory_is_an_error(folder: Path) -> None:
    for number in range(50):
        save_weights(folder, 10**10 // 5, f"model-{number}")
    last = model_findings(folder, dtype="float32")[-1]
    assert last.severity == "error"
    assert "does not fit: 400.0 GB of weights in float32" in last.text
    assert "billion parameters" in last.mend or "smaller" in last.mend


def test_a_model_without_a_tokenizer_is_an_error(folder: Path) -> None:
    (folder / "tokenizer.model").unlink()
    (found,) = model_findings(folder)
    assert found.severity == "error"
    assert "tokenizer" in found.text


def test_a_folder_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    (found,) = model_findings(tmp_path)
    assert found.severity == "error"
    assert "config.json" in found.text


def test_the_data_folder_need_not_be_there_yet(tmp_path: Path) -> None:
    (found,) = doctor.data_folder(check({"data": {"folder": str(tmp_path / "a" / "b")}}))
    assert found.severity != "error"


def test_a_data_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (found,) = doctor.data_folder(check({"data": {"folder": str(tmp_path / "file")}}))
    assert found.severity == "error"
    assert "data.folder" in found.mend


def test_what_is_configured_is_said() -> None:
    finding = doctor.configuration(check({"discord": {}}))
    assert finding.text == "no configuration file, all defaults; speaks in discord"


FINDINGS = [Finding("ok", "one"), Finding("warning", "two", "do this"), Finding("error", "three")]


def test_findings_are_plain_lines_away_from_a_terminal() -> None:
    stream = io.StringIO()
    show(FINDINGS, stream)
    assert stream.getvalue().splitlines() == [
        "ok: one",
        "warning: two",
        "  to mend: do this",
        "error: three",
        "quipu run would stop: 1 error, 1 warning",
    ]


def test_warnings_alone_do_not_stop_anything() -> None:
    assert summary(FINDINGS[:2]) == "quipu run should work: 1 warning"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_findings_are_a_table_on_a_terminal() -> None:
    stream = Terminal()
    show([Finding("error", "[not] markup", "mend [it]")], stream)
    assert "[not] markup" in stream.getvalue()
    assert "→ mend [it]" in stream.getvalue()


def test_a_beat_is_fresh_until_it_is_old(tmp_path: Path) -> None:
    sign = tmp_path / "heartbeat"
    assert not heartbeat.fresh(sign)
    heartbeat.beat(sign)
    assert heartbeat.fresh(sign)
    assert not heartbeat.fresh(sign, within=-1)
