"""`quipu run` with a model that is larger than the machine's memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoints import make_checkpoint
from tests.cli.test_command_line import TOKEN, environment
from tests.small_machine import limited

ON_A_SMALL_MACHINE = """
import sys
from pathlib import Path
from bot.generation.weights import machine
machine.CGROUP = Path(sys.argv.pop(1))
from bot.cli import main
main()
"""


@pytest.mark.parametrize("token", ["", TOKEN], ids=["terminal", "discord"])
def test_run_ends_with_a_clear_error_before_any_weight_is_read(tmp_path: Path, token: str) -> None:
    folder = make_checkpoint(tmp_path / "giant")
    group = limited(tmp_path, 100_000)
    more = {"QUIPU_MODEL__NAME": str(folder), "QUIPU_MODEL__DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", ON_A_SMALL_MACHINE, str(group), "run"],
        cwd=tmp_path,
        env=environment(tmp_path, **more | ({"DISCORD_TOKEN": token} if token else {})),
        input="hi\n",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"quipu: {folder} does not fit: at least ")
    assert "this machine has 100.0 kB of memory in all; " in said
    assert "model_loading" not in done.stderr + done.stdout
