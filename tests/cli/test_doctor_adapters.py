"""What the doctor says of adapters: all that would keep the model from being loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import doctor
from bot.settings.reading import check
from bot.values import Finding
from tests.adapters_made import change_config, save_adapter
from tests.checkpoints import make_checkpoint

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "base", context=256)


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    return save_adapter(base, tmp_path / "pirate")


def about(base: Path, path: Path) -> Finding:
    """The last finding, which is that of the adapter."""
    table = {
        "model": {"name": str(base), "device": "cpu"},
        "adapters": [{"name": "pirate", "path": str(path)}],
    }
    *others, last = doctor.model(check(table))
    assert {finding.severity for finding in others} == {"ok"}
    return last


def test_an_adapter_that_suits_the_model_passes(base: Path, adapter: Path) -> None:
    assert about(base, adapter) == Finding("ok", "adapter pirate suits the model")


def test_an_adapter_that_is_nowhere_is_an_error(base: Path) -> None:
    found = about(base, Path("/nowhere"))
    assert (found.severity, found.mend) == ("error", "see section [[adapters]]")
    assert "neither a folder nor a Hugging Face name" in found.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"use_dora": True}, "it uses use_dora, which is not supported"),
        ({"target_modules": ["c_attn"]}, "does not fit this base model"),
        ({"r": 5}, "and the base needs"),
        ({"target_modules": ["k_proj"]}, "belongs to no layer"),
    ],
)
def test_an_adapter_that_loading_would_refuse_is_an_error(
    base: Path, adapter: Path, changes: dict[str, object], words: str
) -> None:
    change_config(adapter, **changes)
    found = about(base, adapter)
    assert found.severity == "error"
    assert found.text.startswith(f"the adapter 'pirate' in {adapter} cannot be used: ")
    assert words in found.text


def test_files_of_an_adapter_that_are_damaged_or_missing_are_named(
    base: Path, adapter: Path
) -> None:
    content = (adapter / WEIGHTS).read_bytes()
    (adapter / WEIGHTS).write_bytes(content[:-1])
    assert f"{WEIGHTS} is damaged" in about(base, adapter).text
    (adapter / WEIGHTS).unlink()
    assert "the download is not complete" in about(base, adapter).text
    (adapter / "adapter_config.json").unlink()
    assert "there is no adapter_config.json" in about(base, adapter).text


def test_an_adapter_of_another_name_is_a_warning(base: Path, adapter: Path) -> None:
    change_config(adapter, base_model_name_or_path="somebody/another-13b")
    found = about(base, adapter)
    assert found.severity == "warning"
    assert "was made for somebody/another-13b" in found.text
