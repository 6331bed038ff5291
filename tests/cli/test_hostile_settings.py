"""Whatever stands in a configuration: Settings or ConfigError, and no secret in its words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.settings import Settings, load
from bot.settings.complaints import fields_of, is_list
from bot.settings.reading import check

KEYS = sorted({key for section in Settings.model_fields for key in fields_of(section)})
SECRET = "s3cr3t-t0ken-with-24-and-more-characters"

names = st.one_of(
    st.sampled_from([*Settings.model_fields, *KEYS]),
    st.sampled_from(["_env_file", "_cli_parse_args", "self", "model_config", "__init__"]),
    st.text(max_size=12),
)
scalars = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.sampled_from(["30 s", "auto", "cuda:9", "debug", "", "\0", "http://x", SECRET]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def section_of(section: str) -> st.SearchStrategy[Any]:
    """Keys that the section has, with any values; a list of such tables where there may be more."""
    table = st.dictionaries(st.sampled_from([*fields_of(section), "x"]), values, max_size=4)
    return st.one_of(st.lists(table, max_size=3), table) if is_list(section) else table


known = st.fixed_dictionaries(
    {}, optional={section: section_of(section) for section in Settings.model_fields}
)
tables = st.one_of(known, st.dictionaries(names, values, max_size=5))


def outcome(read: Callable[[], Settings]) -> Settings | str:
    """The settings, or the words of the error; anything else is not caught."""
    try:
        return read()
    except ConfigError as error:
        return str(error)


@given(table=tables)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_gives_settings_or_a_clear_error(table: dict[str, Any]) -> None:
    checked = outcome(lambda: check(table))
    if isinstance(checked, str):
        assert checked
        assert all(line.strip() for line in checked.split("\n"))
        assert SECRET not in checked


@given(data=st.one_of(st.text().map(str.encode), st.binary()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_gives_settings_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "any.toml"
    file.write_bytes(data)
    assert outcome(lambda: load(file))


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "9" * 10_000, "\ufeff[model]"])
def test_odd_files_are_read_or_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(text, encoding="utf-8")
    assert outcome(lambda: load(file))


variables = st.dictionaries(
    st.builds(
        "QUIPU_{}{}{}".format,
        st.sampled_from([*map(str.upper, Settings.model_fields), "X", ""]),
        st.sampled_from(["__", "_", "", "__X__"]),
        st.sampled_from([*map(str.upper, KEYS), "", "Y"]),
    ),
    st.one_of(st.sampled_from(["1", "{}", "null", "[", SECRET]), st.text(max_size=9)).filter(
        lambda text: "\0" not in text
    ),
    max_size=5,
)


@given(variables=variables)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_environment_gives_settings_or_a_clear_error(variables: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        checked = outcome(lambda: check({}))
    assert SECRET not in str(checked)
