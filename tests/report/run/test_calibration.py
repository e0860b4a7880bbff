"""The section of calibration: there only where networks were trained, and plain about what it added."""

from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from helixnas.artifacts.files import write_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.report.elements.page import Section
from helixnas.report.reading import read_run
from helixnas.report.run.calibration import LEFT_OUT, SCORES, calibration_section, verdict


def figure(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "interval": [low, high]}


def section_of(run: Any, kendall: dict[str, Any], **others: Any) -> Section | None:
    """Return the section of a run with such a calibration."""
    values = {"scores": ["log_kl", "naswot"], "networks": ["a"] * 32, "num_images": 2000, "kendall": kendall, **others}
    write_json(RunFolder(run.folder).calibration_networks, values)
    return calibration_section(read_run(run.folder))


def test_a_run_without_calibration_has_no_such_section(begin: Callable[..., Any]) -> None:
    assert calibration_section(read_run(begin().folder)) is None


def test_the_best_ranking_comes_first_and_every_one_has_its_interval(begin: Callable[..., Any]) -> None:
    run = begin()
    kendall = {SCORES: figure(0.25, 0.0, 0.5), LEFT_OUT: figure(0.75, 0.5, 0.875), "macs": figure(0.125, -0.25, 0.375)}
    found = section_of(run, kendall, init="scratch", num_epochs=2)
    assert found is not None
    rows = [row.partition("</tr>")[0] for row in found.body.split("<tr>") if "<td" in row]
    assert [("left out" in row, "MACs" in row) for row in rows] == [(True, False), (False, False), (False, True)]
    assert "0.75" in rows[0]
    assert "0.50 to 0.88" in rows[0]
    assert "log_kl + NASWOT (untrained)" in rows[1]
    assert "32 networks were trained for 2 epochs from scratch, all alike, and" in " ".join(found.body.split())


def test_trainings_are_told_as_they_were_and_with_the_time_of_workers(begin: Callable[..., Any]) -> None:
    run = begin()
    run.finish("calibrate")
    stage = replace(run.record.stages["calibrate"], worker_core_seconds=90.0)
    run.record.with_stage("calibrate", stage).save(RunFolder(run.folder).record)
    kendall = {SCORES: figure(0.25, 0.0, 0.5), LEFT_OUT: figure(0.75, 0.5, 0.875)}
    found = section_of(run, kendall, init="inherited", num_epochs=1)
    assert found is not None
    text = " ".join(unescape(found.body).split())
    assert "32 networks were trained for 1 epoch from the supernet's weights, all alike, in 1.5 core-minutes" in text


def test_figures_of_earlier_versions_are_not_shown(begin: Callable[..., Any]) -> None:
    before = {SCORES: figure(0.25, 0.0, 0.5), "calibrated, each network left out": figure(0.5, 0.25, 0.75)}
    assert section_of(begin(), before) is None


@pytest.mark.parametrize(
    ("fit", "macs", "sentence"),
    [
        (figure(0.75, 0.5, 0.875), 0.125, "the scores alone with 0.250 (0.000 to 0.500)."),
        (figure(0.75, 0.125, 0.875), 0.125, "The intervals overlap, so the gain is not certain."),
        (figure(0.125, 0.0, 0.5), 0.0, "Calibration added nothing here"),
        (figure(0.75, 0.5, 0.875), 0.875, "no better than what costs nothing: MACs."),
    ],
)
def test_the_sentence_says_what_calibration_added(fit: dict[str, Any], macs: float, sentence: str) -> None:
    figures = {SCORES: figure(0.25, 0.0, 0.5), LEFT_OUT: fit, "macs": figure(macs, 0.0, 1.0)}
    assert sentence in verdict(figures)
