"""The table of moments says whether the scores have settled, and what to do next."""

from pathlib import Path

import pytest
from rich.console import Console

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.tables.settle import show_settling
from helixnas.pipeline.ad_hoc.settle import Moment, Settling

MOMENTS = (Moment(0.125, None), Moment(0.25, Estimate(0.82, (0.75, 0.9))))


@pytest.mark.parametrize(
    ("enough", "words"),
    [
        (0.8, "settled: at 0.25 of all steps, log_kl agrees with the moment before"),
        (0.9, "warning: not settled at 0.25 of all steps: log_kl still changes"),
    ],
)
def test_the_table_ends_with_what_follows(
    enough: float, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_settling(Settling("log_kl", MOMENTS, enough), RunFolder(tmp_path / "my run"), Console(width=200))
    said = capsys.readouterr().out
    assert words in said
    assert "0.82" in said
    assert "0.75 to 0.90" in said
    assert f"helixnas search '{tmp_path / 'my run'}'" in said
