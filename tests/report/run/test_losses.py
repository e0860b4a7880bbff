"""Loss curves: a smooth line that keeps the data's ends, and one chart for all blocks."""

from pathlib import Path

import numpy as np
import pytest

from helixnas.report.reading import read_run
from helixnas.report.run.losses import losses_section, running_mean


def test_a_running_mean_leaves_a_constant_as_it_is() -> None:
    assert running_mean(np.full(50, 0.5)) == pytest.approx(np.full(50, 0.5))


def test_a_running_mean_keeps_the_first_and_the_last_value() -> None:
    values = np.arange(30.0) ** 2
    smooth = running_mean(values)
    assert (smooth[0], smooth[-1]) == (values[0], values[-1])


def test_blocks_that_were_distilled_alone_share_one_chart(own_run: Path) -> None:
    (own_run / "history" / "distill.parquet").rename(own_run / "history" / "distill-1.parquet")
    assert "Block 1" in losses_section(read_run(own_run)).body
