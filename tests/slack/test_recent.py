"""A memory with limits."""

from __future__ import annotations

from adapters.slack.recent import Recent


def test_the_oldest_is_forgotten_where_there_are_too_many() -> None:
    recent: Recent[str, int] = Recent(2, 10.0)
    for number, key in enumerate("abc"):
        recent.put(key, number)
    assert [recent.get(key) for key in "abc"] == [None, 1, 2]


def test_what_is_outdated_is_forgotten() -> None:
    now = 0.0
    recent: Recent[str, bool] = Recent(9, 10.0, clock=lambda: now)
    recent.put("a", False)
    assert "a" in recent
    now = 10.0
    assert "a" not in recent
    assert len(recent) == 0


def test_what_is_put_again_is_the_newest() -> None:
    recent: Recent[str, int] = Recent(2, 10.0)
    for key in "aba":
        recent.put(key, 1)
    recent.put("c", 1)
    assert ("a" in recent, "b" in recent) == (True, False)
