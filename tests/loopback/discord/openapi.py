"""Discord's own description of its API, as the judge of every request that reaches us."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "QUIPU_TEST_DISCORD_OPENAPI"
BASE = "urn:discord"
METHODS = ("get", "put", "post", "patch", "delete")
ID = re.compile(r"\b\d{17,20}\b")
LARGE = 5000
BODY = ("requestBody", "content", "application/json", "schema")


@dataclass(frozen=True)
class Operation:
    """One method of one path, with pointers to its schemas."""

    template: str
    pattern: re.Pattern[str]
    method: str
    spec: dict[str, Any]
    shared: list[dict[str, Any]]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The parameters of the path and of the method."""
        return [*self.shared, *self.spec.get("parameters", [])]


class OpenApi:
    """The judge; schemas are looked up and compiled when a request first needs them."""

    def __init__(self, path: Path) -> None:
        # Absolute references resolve from any schema, also from one taken out of the document.
        text = path.read_text(encoding="utf-8").replace('"#/components/', f'"{BASE}#/components/')
        document = json.loads(text)
        # Discord also takes ids as numbers, and discord.py sends some of them so.
        document["components"]["schemas"]["SnowflakeType"]["type"] = ["string", "integer"]
        self._operations = _operations(document["paths"])
        resource = DRAFT202012.create_resource({"components": document["components"]})
        self._registry: Registry[Any] = Registry().with_resource(BASE, resource)
        self._validators: dict[str, Draft202012Validator] = {}
        self._fine: set[str] = set()
        """Large bodies that were well, but for their ids: a bot's commands come with each test."""

    def violations(self, method: str, path: str, query: Mapping[str, str], body: Any) -> list[str]:
        """What is wrong with a request, in words; nothing, if it is as described."""
        found = self._find(method, path)
        if found is None:
            return [f"{method} {path}: Discord has no such request"]
        operation, parts = found
        problems = [
            *self._wrong_parts(operation, parts),
            *self._wrong_query(operation, query),
            *self._wrong_body(operation, body),
        ]
        return [f"{method} {operation.template}: {problem}" for problem in problems]

    def misstatements(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Where an answer of this server is not what Discord's would look like."""
        found = self._find(method, path)
        schema: Any = found[0].spec.get("responses", {}) if found else {}
        for key in (str(status), "content", "application/json", "schema"):
            schema = schema.get(key, {})
        if found is None or not schema:
            return []
        problems = self._judge(found[0], f"answer {status}", schema, body)
        return [f"{method} {found[0].template}: {problem}" for problem in problems]

    def _find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        for operation in self._operations:
            match = operation.pattern.fullmatch(path)
            if match and operation.method == method.lower():
                return operation, match.groupdict()
        return None

    def _wrong_parts(self, operation: Operation, parts: Mapping[str, str]) -> list[str]:
        return [
            problem
            for spec in operation.parameters
            if spec["in"] == "path" and spec["name"] in parts
            for problem in self._judge(operation, spec["name"], spec["schema"], parts[spec["name"]])
        ]

    def _wrong_query(self, operation: Operation, query: Mapping[str, str]) -> list[str]:
        known = {s["name"]: s for s in operation.parameters if s["in"] == "query"}
        problems = [f"unknown query parameter {name}" for name in query if name not in known]
        for name, spec in known.items():
            if name in query:
                value = _typed(query[name], spec["schema"])
                problems += self._judge(operation, name, spec["schema"], value)
            elif spec.get("required"):
                problems.append(f"query parameter {name} is missing")
        return problems

    def _wrong_body(self, operation: Operation, body: Any) -> list[str]:
        schema: Any = operation.spec
        for key in BODY:
            schema = schema.get(key, {})
        if body is None:
            required = operation.spec.get("requestBody", {}).get("required")
            return ["the body is missing"] if required else []
        if not schema:
            return ["no body expected"]
        return self._judge(operation, "body", schema, body)

    def _judge(self, operation: Operation, name: str, schema: Any, value: Any) -> list[str]:
        key = f"{operation.method} {operation.template} {name}"
        if key not in self._validators:
            self._validators[key] = Draft202012Validator(schema, registry=self._registry)
        shape = key + ID.sub("0", json.dumps(value))
        if shape in self._fine:
            return []
        error = best_match(self._validators[key].iter_errors(value))
        if error is not None:
            return [f"{name} at {error.json_path}: {error.message}"]
        if len(shape) > LARGE:
            self._fine.add(shape)
        return []


def at_hand() -> OpenApi | None:
    """The judge, where the environment says where Discord's description lies."""
    described = os.environ.get(VARIABLE)
    return OpenApi(Path(described)) if described else None


def _operations(paths: dict[str, Any]) -> list[Operation]:
    """Every operation; paths with fewer placeholders come first, since they say more."""
    found = [
        Operation(template, _pattern(template), method, spec[method], spec.get("parameters", []))
        for template, spec in paths.items()
        for method in METHODS
        if method in spec
    ]
    return sorted(found, key=lambda operation: operation.template.count("{"))


def _pattern(template: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", template)
    return re.compile(
        "".join(
            f"(?P<{piece}>[^/]+)" if index % 2 else re.escape(piece)
            for index, piece in enumerate(pieces)
        )
    )


def _typed(text: str, schema: dict[str, Any]) -> Any:
    """A query value as JSON would have it."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean" and text.lower() in ("true", "false", "1", "0"):
        return text.lower() in ("true", "1")
    return text
