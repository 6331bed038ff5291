"""What is found out from the small files of a hub's models, before gigabytes are fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adapters_made import change_config, save_adapter
from tests.checkpoint.conftest import NAME, ROOT, Program
from tests.loopback.hub import HubServer, Repository

pytestmark = pytest.mark.slow  # what loads torch takes seconds each time


async def test_a_model_that_no_machine_could_hold_is_refused_before_it_is_fetched(
    quipu: Program, hub: HubServer, model_files: dict[str, bytes]
) -> None:
    width = {"hidden_size": 2**17, "intermediate_size": 2**18, "head_dim": 2**15}
    config = json.dumps(json.loads(model_files["config.json"]) | width).encode()
    hub.repositories[NAME].commit(model_files | {"config.json": config})
    done = await quipu("run", typed="Hello\n", QUIPU_MODEL__NAME=NAME, QUIPU_MODEL__DEVICE="cpu")
    assert done.code == 1
    assert "does not fit: at least " in done.complaint
    assert hub.fetched("config.json")
    assert hub.fetched("model.safetensors") == []


async def test_what_a_library_is_missing_for_is_not_fetched(
    quipu: Program, hub: HubServer, tmp_path: Path
) -> None:
    hidden = "import sys\nsys.modules['bitsandbytes'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    model = {"QUIPU_MODEL__NAME": NAME, "QUIPU_MODEL__DEVICE": "cpu"}
    wanted = model | {"QUIPU_MODEL__QUANTISATION": "nf4", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = await quipu("run", typed="Hello\n", **wanted)
    assert done.code == 1
    assert "needs bitsandbytes: " in done.complaint
    assert 'pip install "quipu[quantisation]"' in done.complaint
    assert hub.fetched("model.safetensors") == []


async def test_the_doctor_looks_at_an_adapter_without_its_weights(
    quipu: Program, hub: HubServer, model_files: dict[str, bytes], tmp_path: Path
) -> None:
    for name, content in model_files.items():
        if "/" not in name:
            (tmp_path / name).write_bytes(content)
    folder = save_adapter(tmp_path, tmp_path / "adapter")
    change_config(folder, base_model_name_or_path=NAME)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    hub.add(Repository("ann/pirate")).commit(files)
    adapter = '[[adapters]]\nname = "pirate"\npath = "ann/pirate"\n'
    (quipu.home / "config.toml").write_text(f'[model]\nname = "{NAME}"\n{adapter}')
    doctor = await quipu("doctor")
    assert "quipu run will download the weights of adapter pirate" in doctor.out
    assert hub.fetched("adapter_config.json")
    assert hub.fetched("adapter_model.safetensors") == []
