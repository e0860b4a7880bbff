"""The section of the explorer: its sliders, its sentence, and nothing where there is nothing to explore."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.report.explorer import answers
from helixnas.report.explorer.section import explorer_section
from helixnas.report.reading import read_run


def test_every_limited_resource_has_a_slider_with_a_label(tied: Any) -> None:
    found = explorer_section(read_run(tied.folder))
    assert found is not None
    for resource in ("latency_ns", "macs", "params"):
        assert f'<label for="limit-{resource}">' in found.body
        assert f'<input type="range" id="limit-{resource}"' in found.body
    assert "any upper limits on predicted latency, multiply-adds and parameters make the best" in found.body
    assert "command line" not in found.body


def test_what_is_left_out_is_said(tied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_POINTS", 9)
    found = explorer_section(read_run(tied.folder))
    assert found is not None
    assert "as well would need a front of more than" in found.body


def test_a_run_without_costs_has_no_explorer(begin: Callable[..., Any]) -> None:
    assert explorer_section(read_run(begin().folder)) is None
