"""Processes that a launcher started together know it from their environment."""

import pytest

from helixnas.engine.distributed.launch import is_started_together


@pytest.mark.parametrize(
    ("environment", "together"),
    [
        ({}, False),
        ({"WORLD_SIZE": "", "RANK": "0"}, False),
        ({"WORLD_SIZE": "1", "RANK": "0"}, False),
        ({"WORLD_SIZE": "2"}, False),
        ({"WORLD_SIZE": "2", "RANK": "1"}, True),
    ],
)
def test_several_processes_have_ranks(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], together: bool
) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_started_together() == together
