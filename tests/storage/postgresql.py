"""A PostgreSQL of the tests' own, where its programs are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

NOBODY = "nobody"
"""Whose the server is where the tests are run by root, whom it does not serve."""

SPOKEN = ("--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en")
"""A language in whose order signs do not stand as their bytes do."""


class Server:
    """A cluster in a folder, which listens on this machine alone."""

    def __init__(self, folder: Path) -> None:
        self._data, self._log = folder / "data", folder / "log"
        self._user = NOBODY if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        plain = ("initdb", "--no-sync", "-A", "trust", "-U", "quipu", "-D", str(self._data))
        try:
            self._run(*plain, *SPOKEN)
        except subprocess.CalledProcessError:  # older than that, or built without
            self._run(*plain)
        self.port = unused_port()

    @property
    def url(self) -> str:
        return f"postgresql://quipu@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run(
            "pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._log), "-o", options
        )

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))

    def _run(self, *command: str) -> None:
        subprocess.run(
            command,
            check=True,
            user=self._user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def postgresql(folder: Path) -> Iterator[Server]:
    """A server that runs until the end of the block."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("needs PostgreSQL's initdb and pg_ctl on the PATH")
    pytest.importorskip("asyncpg")
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
