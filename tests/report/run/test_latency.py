"""Latency: conditions and errors in words, a chart of predicted against measured, and how budgets were kept."""

import json
from collections.abc import Callable
from typing import Any

from helixnas.report.reading import read_run
from helixnas.report.run.latency import latency_section


def test_a_run_without_latency_has_no_section(begin: Callable[..., Any]) -> None:
    assert latency_section(read_run(begin().folder)) is None


def test_conditions_and_errors_are_told(begin: Callable[..., Any]) -> None:
    run = begin()
    run.latency()
    body = latency_section(read_run(run.folder)).body
    assert "measured with pytorch-eager on cpu, for batch 1 at 16 pixels" in body
    assert (
        "Against 3 random networks measured whole, the sums are off by 9.1 % in the median and 9.1 % at worst" in body
    )
    assert "\u22129.1 %" in body
    assert "chart-latency" in body


def test_timings_of_another_device_without_networks_say_what_is_not_known(begin: Callable[..., Any]) -> None:
    run = begin()
    run.latency(networks=0, measured_here=False)
    body = latency_section(read_run(run.folder)).body
    assert "was taken from pytorch-eager" in body
    assert "how far the sums are off is not known" in body
    assert "chart-latency" not in body


def test_how_a_budget_was_kept_stands_beside_its_search(begin: Callable[..., Any]) -> None:
    run = begin()
    run.latency()
    run.search("fast", [])
    file = run.folder / "searches" / "fast" / "result.json"
    values = json.loads(file.read_text()) | {"latency": {"text": "the winner takes 2 ms; the budget of 3 ms is met"}}
    file.write_text(json.dumps(values))
    body = latency_section(read_run(run.folder)).body
    assert "<b>fast</b> The winner takes 2 ms; the budget of 3 ms is met." in body
