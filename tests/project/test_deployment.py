"""The container image and the units, checked as far as that goes without running them."""

from __future__ import annotations

import configparser
import re
import tomllib

import pytest
import yaml

from tests.project.sources import ROOT


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continuation lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def last_stage() -> dict[str, str]:
    found = instructions()
    start = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return dict(found[start:])


def copied() -> set[str]:
    sources: set[str] = set()
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            sources.update(rest.split()[:-1])
    return sources


def test_the_image_does_not_run_as_root() -> None:
    user, _, group = last_stage()["USER"].partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_image_stops_and_is_watched_as_it_should() -> None:
    stage = last_stage()
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert stage["HEALTHCHECK"].endswith('CMD ["quipu", "health"]')
    assert stage["ENTRYPOINT"] == '["quipu"]'
    assert stage["CMD"] == '["run"]'


def test_database_and_models_live_in_the_volume() -> None:
    stage = last_stage()
    assert stage["VOLUME"] == "/data"
    assert "QUIPU_DATA__FOLDER=/data " in stage["ENV"]
    assert "HF_HOME=/data/" in stage["ENV"]


def test_what_the_image_copies_exists() -> None:
    assert copied()
    assert [name for name in copied() if not (ROOT / name).exists()] == []


def test_only_what_the_image_copies_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied()


def test_the_image_holds_every_library_that_a_configuration_may_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [extras] = re.findall(r'"\.\[([\w,]+)\]"', (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert {*extras.split(","), "dev"} == project["optional-dependencies"].keys()


def test_the_cpu_is_a_matter_of_one_build_argument() -> None:
    arguments = [rest.partition("=")[0] for word, rest in instructions() if word == "ARG"]
    assert "TORCH_INDEX" in arguments


@pytest.mark.parametrize("kind", ["gpu", "cpu"])
def test_compose_runs_the_image_with_no_more_rights_than_it_needs(kind: str) -> None:
    text = (ROOT / "deploy" / "docker-compose.yml").read_text(encoding="utf-8")
    service = yaml.safe_load(text)["services"][kind]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert not service.keys() & {"privileged", "cap_add", "devices", "network_mode", "pid", "user"}
    assert "ports" not in service, "nothing is reached from outside unless somebody wants it"
    assert service["volumes"] == ["data:/data"]
    assert (kind == "gpu") == ("deploy" in service)


def test_the_unit_runs_as_nobody_and_restarts_only_where_that_helps() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "quipu.service", encoding="utf-8")
    service = unit["Service"]
    assert service["DynamicUser"] == "yes"
    assert service["ExecStart"].endswith("/quipu run")
    assert service["RestartPreventExitStatus"] == "2"
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "RestrictSUIDSGID"):
        assert service[name] == "yes", name
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["SystemCallFilter"] == "@system-service"
    assert service["UMask"] == "0077"
