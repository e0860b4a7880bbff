"""Loss curves: a smooth line that keeps the data's ends, and one chart for all blocks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.report.reading import read_run
from helixnas.report.run.losses import losses_section, running_mean

SIGNS = {"spread": 0.75, "effective rank": 31.24, "covariance": 0.0625}


def test_a_running_mean_leaves_a_constant_as_it_is() -> None:
    assert running_mean(np.full(50, 0.5)) == pytest.approx(np.full(50, 0.5))


def test_a_running_mean_keeps_the_first_and_the_last_value() -> None:
    values = np.arange(30.0) ** 2
    smooth = running_mean(values)
    assert (smooth[0], smooth[-1]) == (values[0], values[-1])


def test_embeddings_of_a_joint_training_have_a_table_and_a_caption_of_their_own(own_run: Path) -> None:
    run = read_run(own_run)
    assert "Eq. 6" in losses_section(run).body
    stage = run.record.stages["distill"]
    signs = {f"block 2 student {sign}": value for sign, value in SIGNS.items()}
    stages = {**run.record.stages, "distill": replace(stage, facts={**stage.facts, "embeddings": signs})}
    name, curve = next(iter(run.curves["distill"].items()))
    run = replace(run, curves={**run.curves, "distill": {name: curve}})
    joint = replace(
        run, record=replace(run.record, stages=stages), settings={"distill": {"objective": "self-supervised"}}
    )
    body = losses_section(joint).body
    assert "Eq. 10 and 11" in body
    assert "Eq. 6" not in body
    assert '<td>2</td><td>student</td><td class="n">0.75</td><td class="n">31.2</td><td class="n">0.0625</td>' in body


def test_blocks_that_were_distilled_alone_share_one_chart(own_run: Path) -> None:
    (own_run / "history" / "distill.parquet").rename(own_run / "history" / "distill-1.parquet")
    assert "Block 1" in losses_section(read_run(own_run)).body
