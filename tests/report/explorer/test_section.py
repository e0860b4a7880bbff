"""The section of the explorer: its sliders, its sentence, and nothing where there is nothing to explore."""

from collections.abc import Callable
from dataclasses import replace
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


def test_a_run_without_retraining_offers_the_weights_of_the_supernet(tied: Any) -> None:
    run = read_run(tied.folder)
    found = explorer_section(replace(run, settings={**run.settings, "retrain": None}))
    assert found is not None
    assert 'data-role="retrain"' not in found.body
    assert '"retrains":false' in found.body
    assert "Write it as ONNX, with the weights of the supernet:" in found.body
    with_retraining = explorer_section(run)
    assert with_retraining is not None
    assert 'data-role="retrain"' in with_retraining.body


def test_a_run_without_costs_has_no_explorer(begin: Callable[..., Any]) -> None:
    assert explorer_section(read_run(begin().folder)) is None
