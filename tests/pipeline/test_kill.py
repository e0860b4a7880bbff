"""kill -9 at random moments: whatever was being done, going on leads to the same bits."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helixnas.pipeline.run_folder import RunFolder

RUN = """
import sys, pathlib
from helixnas.cli.recipes import read_recipe
from helixnas.pipeline import drive
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.run_folder import RunFolder

drive.SECONDS_BETWEEN_CHECKPOINTS = 0.05
recipe = read_recipe(sys.argv[1])
print("begun", flush=True)
run_recipe(recipe, RunFolder(pathlib.Path(sys.argv[2])), Reporter(), until="retrain")
"""


@pytest.mark.slow
def test_six_kills_at_random_moments_leave_the_result_of_an_uninterrupted_run(
    finished: RunFolder, tiny_path: Path, digests: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    record = finished.load_record()
    length = sum(stage.seconds for stage in record.stages.values())
    moments = np.random.default_rng(0).uniform(0, 1.2 * length, size=6)
    folder, killed = tmp_path / "killed", 0
    for number, moment in enumerate(moments):
        if number % 2 == 0:  # every other kill meets a run that was killed before
            shutil.rmtree(folder, ignore_errors=True)
        with subprocess.Popen(
            [sys.executable, "-c", RUN, str(tiny_path), str(folder)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
        if number % 2 == 1:
            subprocess.run([sys.executable, "-c", RUN, str(tiny_path), str(folder)], check=True, capture_output=True)
            assert digests(folder) == digests(finished.path)
    assert killed >= 3
