"""kill -9 at random moments of generations: going on leads to the same bits."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.lineage import Lineage

RUN = """
import sys, pathlib
from helixnas.cli.settings import read_recipe
from helixnas.engine import job
from helixnas.generations import run
from helixnas.engine.progress import Reporter
from helixnas.artifacts.lineage import LineageFolder
from helixnas.pipeline import run as one_run

def empty(path):
    (path / "report.html").write_text("")
    return path / "report.html"

one_run.build_report = empty
run.build_generations_page = lambda out: empty(out.path)
job.SECONDS_BETWEEN_CHECKPOINTS = 0.05
class Telling(Reporter):
    def say(self, text):
        print(text, flush=True)
run.run_generations(read_recipe(sys.argv[1], sys.argv[3:]), LineageFolder(pathlib.Path(sys.argv[2])), Telling())
"""

SETTINGS = [
    "--generations.number=3",
    "--generations.stop.tau=1",
    "--generations.stop.num_networks=20",
    "--generations.teacher.width=1.5",
    "--stitching.num_architectures=0",
]


@pytest.mark.long
def test_ten_kills_leave_the_lineage_of_an_uninterrupted_one(
    fork: Callable[..., Any], tiny_path: Path, tmp_path: Path, digests: Callable[[Path], dict[str, str]]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    began = time.monotonic()
    assert fork(RUN, str(tiny_path), str(whole), *SETTINGS).wait()[0] == 0
    seconds = time.monotonic() - began
    draw = np.random.default_rng(0)
    hits = 0
    for _ in range(10):
        process = fork(RUN, str(tiny_path), str(killed), *SETTINGS)
        time.sleep(float(draw.uniform(0.03, 0.12)) * seconds)
        process.send_signal(signal.SIGKILL)
        code, _, complaints = process.wait()
        assert code in (0, -signal.SIGKILL), complaints
        hits += code != 0  # it may have ended before, where the machine was busier while the whole one ran
    assert hits >= 5
    assert fork(RUN, str(tiny_path), str(killed), *SETTINGS).wait()[0] == 0
    for number in (1, 2, 3):
        assert digests(killed / f"generation-{number}") == digests(whole / f"generation-{number}")
    one, other = (Lineage.load(folder / "generations.json") for folder in (whole, killed))
    assert (one.reason, one.best.number) == (other.reason, other.best.number)
    for mine, yours in zip(one.generations, other.generations, strict=True):
        assert mine.quality is not None
        assert yours.quality is not None
        assert (mine.key, mine.winner, mine.agreement, mine.quality.value) == (
            yours.key,
            yours.winner,
            yours.agreement,
            yours.quality.value,
        )
