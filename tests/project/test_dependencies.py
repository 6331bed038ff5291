"""Every package is fixed to one version, and that is the one that is installed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

from tests.project.sources import ROOT

PIN = re.compile(r"^([\w.-]+)==([\w.]+)$")
OF_PLATFORMS = re.compile(r"^(nvidia-|cuda-|triton$|pip$|setuptools$|wheel$|quipu$)")
"""What pip's index chooses for a machine; see the Makefile's pins."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    found = [PIN.match(line) for line in entries]
    assert [line for line, pin in zip(entries, found, strict=True) if pin is None] == []
    return {normal(pin[1]): pin[2] for pin in found if pin}


def wanted() -> set[str]:
    """What pyproject.toml asks for, in every group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for group in groups for line in group)]
    return {normal(re.split(r"[\[<>=! ;]", line, maxsplit=1)[0]) for line in lines}


def installed(name: str) -> str | None:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return None


def closure(names: set[str]) -> set[str]:
    """These packages and all that they need in turn, as far as it is installed."""
    found: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in found or installed(name) is None:
            continue
        found.add(name)
        needs = [line for line in requires(name) or () if "extra ==" not in line]
        waiting += [normal(re.split(r"[\[<>=!~ ;(]", line, maxsplit=1)[0]) for line in needs]
    return found


def test_every_package_is_fixed_to_one_version() -> None:
    fixed = pins()
    loose = closure(wanted()) - fixed.keys()
    assert [name for name in sorted(loose) if not OF_PLATFORMS.match(name)] == []


def test_what_is_installed_is_what_is_fixed() -> None:
    other = {
        name: (fixed, found)
        for name, fixed in pins().items()
        if (found := installed(name)) is not None and found != fixed
    }
    assert other == {}


def test_the_image_and_the_makefile_install_what_is_fixed() -> None:
    for name in ("Dockerfile", "Makefile"):
        text = (ROOT / name).read_text(encoding="utf-8")
        installs = [line for line in text.splitlines() if "install -c constraints.txt" in line]
        assert installs, name
    audit = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\naudit:")[2]
    assert "--requirement constraints.txt" in audit.partition("\n\n")[0]
