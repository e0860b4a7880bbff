"""Where the figures come from: times, versions and settings."""

from collections.abc import Callable
from typing import Any

from helixnas.report.reading import read_run
from helixnas.report.run.provenance import provenance_section


def test_stages_stand_with_their_times_and_their_sum(finished: Any) -> None:
    body = provenance_section(read_run(finished.folder)).body
    assert '<tr><td>rate</td><td>2026-01-02 03:04:05</td><td class="n">1 min 1 s</td></tr>' in body
    number = len(finished.record.stages)
    assert f'<td>together</td><td></td><td class="n">{number} min {number} s</td>' in body
    assert '<tr><td>torch</td><td class="n">0</td></tr>' in body


def test_lists_of_the_settings_stand_in_brackets(finished: Any) -> None:
    assert "kernels: [3, 5]" in provenance_section(read_run(finished.folder)).body


def test_a_run_without_stages_or_settings_says_so(begin: Callable[..., Any]) -> None:
    run = begin()
    (run.folder / "config.yaml").unlink()
    body = provenance_section(read_run(run.folder)).body
    assert "No stage is finished yet." in body
    assert "The run has no config.yaml." in body
