"""The section of calibration: there only where networks were trained, and plain about what it added."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.artifacts.files import write_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.report.reading import read_run
from helixnas.report.run.calibration import LEFT_OUT, SCORES, calibration_section, verdict


def figure(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "interval": [low, high]}


def test_a_run_without_calibration_has_no_such_section(begin: Callable[..., Any]) -> None:
    assert calibration_section(read_run(begin().folder)) is None


def test_the_best_ranking_comes_first_and_every_one_has_its_interval(begin: Callable[..., Any]) -> None:
    run = begin()
    kendall = {SCORES: figure(0.25, 0.0, 0.5), LEFT_OUT: figure(0.75, 0.5, 0.875), "macs": figure(0.125, -0.25, 0.375)}
    values = {"scores": ["log_kl", "naswot"], "networks": ["a"] * 32, "num_images": 2000, "kendall": kendall}
    write_json(RunFolder(run.folder).calibration_networks, values)
    found = calibration_section(read_run(run.folder))
    assert found is not None
    rows = [row.partition("</tr>")[0] for row in found.body.split("<tr>") if "<td" in row]
    assert [("left out" in row, "MACs" in row) for row in rows] == [(True, False), (False, False), (False, True)]
    assert "0.75" in rows[0]
    assert "0.50 to 0.88" in rows[0]
    assert "log_kl + NASWOT (untrained)" in rows[1]
    assert "32 networks were trained shortly" in " ".join(found.body.split())


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
