"""Dashboard, alerts and manual speak of metrics that there are, and of all of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from adapters.prometheus.showing import Metrics
from bot.operation.figures import Figures
from tests.project.sources import ROOT
from tests.prometheus.given import figures
from tests.prometheus.test_metrics import WHOLE

NAME = re.compile(r"\b(?:quipu|process|python)_[a-z_]+")
PARTS = ("_bucket", "_count", "_sum", "_total")
ELSEWHERE = {"quipu_build_info"}
"""Metrics that a dashboard need not draw."""


@pytest.fixture
async def there() -> set[str]:
    """The names of all metrics, without what Prometheus adds to them."""

    async def now() -> Figures:
        return figures()

    metrics = Metrics("1")
    metrics.note(WHOLE)
    page, _ = await metrics.page(now)
    return {family.name for family in text_string_to_metric_families(page.decode())}


def base(name: str) -> str:
    for part in PARTS:
        name = name.removesuffix(part)
    return name


def dashboard() -> dict[str, Any]:
    text = (ROOT / "deploy" / "grafana" / "quipu.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def queries() -> list[str]:
    panels = dashboard()["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def rules() -> list[dict[str, Any]]:
    text = (ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def manual() -> str:
    return (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")


def named(texts: list[str]) -> set[str]:
    return {base(name) for text in texts for name in NAME.findall(text)}


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith("quipu_")}


def test_the_dashboard_draws_metrics_that_there_are(there: set[str]) -> None:
    assert named(queries()) - there == set()


def test_the_dashboard_draws_every_metric_of_ours(there: set[str]) -> None:
    assert ours(there) - named(queries()) - ELSEWHERE == set()


def test_alerts_speak_of_metrics_that_there_are(there: set[str]) -> None:
    assert named([rule["expr"] for rule in rules()]) - there == set()


def test_the_manual_explains_every_metric_and_no_other(there: set[str]) -> None:
    table = manual().partition("## The metrics")[2]
    found = named(re.findall(r"`[^`]+`", table))
    assert ours(found) == ours(there)


def test_every_panel_says_what_it_shows_and_asks_the_chosen_data_source() -> None:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert len(panels) > 20
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(t["datasource"]["uid"] == "${datasource}" for t in panel["targets"])


def test_panels_stand_side_by_side_in_their_groups() -> None:
    board = dashboard()
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == ["People", "Speed", "Memory", "Platforms", "Health"]
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_query_has_its_brackets_and_every_variable_is_there() -> None:
    variables = {each["name"] for each in dashboard()["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    for query in [*queries(), *(rule["expr"] for rule in rules())]:
        for opening, closing in ("()", "[]", "{}"):
            assert query.count(opening) == query.count(closing), query
        assert set(re.findall(r"\$(\w+)", query)) <= variables | {"__rate_interval"}, query


def test_every_alert_says_what_it_means_and_how_urgent_it_is() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["annotations"]["summary"].endswith((".", "?")), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_prometheus_is_told_of_the_rules_and_of_the_usual_port() -> None:
    text = (ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    assert all((ROOT / "deploy" / name).is_file() for name in settings["rule_files"])
    (job,) = settings["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:8321"]
    assert job.get("metrics_path", "/metrics") == "/metrics"
