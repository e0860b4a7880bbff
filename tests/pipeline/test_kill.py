"""kill -9 at random moments of every stage: whatever was being done, going on leads to the same bits."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_recipe
from helixnas.pipeline.plan import plan

RUN = """
import sys, pathlib, time
from helixnas.cli.settings import read_recipe
from helixnas.engine import job
from helixnas.pipeline import run
from helixnas.engine.progress import Reporter
from helixnas.artifacts.run_folder import RunFolder

class Telling(Reporter):
    def progress(self, title, total):
        inner = super().progress(title, total)
        class Watching:
            def __enter__(self):
                advance = inner.__enter__()
                def tell(done, note="", **more):
                    print(f"share {done / (more.get('total') or total)}", flush=True)
                    advance(done, note, **more)
                return tell
            def __exit__(self, *details):
                return inner.__exit__(*details)
        return Watching()

def telling(step, name):
    def do(*words):
        print(f"begin {name}", flush=True)
        result = step(*words)
        time.sleep(0.3)  # made and not yet recorded: also a moment to be killed in
        return result
    return do

work, write = run.work, run.build_report
run.work = lambda one, context: telling(work, one.name)(one, context)
run.build_report = telling(write, "report")
job.SECONDS_BETWEEN_CHECKPOINTS = float(sys.argv[3])
run.run_recipe(read_recipe(sys.argv[1], sys.argv[4:]), RunFolder(pathlib.Path(sys.argv[2])), Telling())
"""


SHORTER_DIGITS = [
    "digits",
    "--data.image_size=8",
    "--teacher_fit.num_epochs=4",
    "--distill.num_epochs=3",
    "--stitching.num_architectures=20",
    "--retrain.fit.num_epochs=4",
]
"""The recipe of the demo, every stage of it, in less time."""

Running = Callable[[list[str], Path, float], Any]
Digests = Callable[[Path], dict[str, str]]


@pytest.fixture
def running(fork: Callable[..., Any]) -> Running:
    """Return a function that runs a recipe in a process of its own, which tells stages begun and shares of them done.

    It takes the recipe's name or file and settings that replace its own, the folder of the run, and the seconds between
    checkpoints.
    """
    return lambda recipe, folder, seconds: fork(RUN, recipe[0], str(folder), str(seconds), *recipe[1:])


def kill_in(running: Running, stage: str, share: float, recipe: list[str], folder: Path, seconds: float) -> bool:
    """Kill a run once that share of a stage is done; return whether it came so far."""
    process = running(recipe, folder, seconds)
    begun = False
    for line in process.stdout:
        word, _, value = line.strip().partition(" ")
        begun = begun or (word == "begin" and value == stage)
        if begun and (word == "begin" or float(value) >= share):
            if stage in ("costs", "report") or stage.startswith("search"):  # without steps: somewhere inside
                time.sleep(share / 20)
            elif word == "begin":
                continue
            process.send_signal(signal.SIGKILL)
            return process.wait()[0] == -signal.SIGKILL
    process.wait()
    return False


def assert_kills_change_nothing(
    running: Running, recipe: list[str], tmp_path: Path, digests: Digests, *, num_kills: int, seconds: float
) -> None:
    """Run once in peace and once killed in every stage in turn, and compare what they computed."""
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    assert running(recipe, whole, 30.0).wait()[0] == 0
    stages = [*(stage.name for stage in plan(read_recipe(recipe[0], recipe[1:]).to_dict())), "report"]
    draw, hit = np.random.default_rng(0), list[str]()
    for number in range(num_kills):
        stage = stages[number * len(stages) // num_kills]
        if kill_in(running, stage, float(draw.uniform(0, 0.98)), recipe, folder, seconds):
            hit.append(stage)
    assert len(hit) == num_kills
    assert set(hit) == set(stages)
    assert running(recipe, folder, seconds).wait()[0] == 0
    assert (folder / "report.html").is_file()
    assert digests(folder) == digests(whole)


@pytest.mark.slow
def test_twenty_kills_in_all_stages_of_the_digits_run_leave_the_result_of_an_uninterrupted_one(
    running: Running, tmp_path: Path, digests: Digests
) -> None:
    assert_kills_change_nothing(running, SHORTER_DIGITS, tmp_path, digests, num_kills=20, seconds=0.1)


def test_a_kill_in_the_middle_of_distillation_leaves_the_result_of_an_uninterrupted_run(
    running: Running, finished: RunFolder, tiny_path: Path, tmp_path: Path, digests: Digests
) -> None:
    folder = tmp_path / "killed"
    assert kill_in(running, "distill", 0.6, [str(tiny_path)], folder, 0.05)
    assert running([str(tiny_path)], folder, 30.0).wait()[0] == 0
    assert digests(folder) == digests(finished.path)


JOINT = [
    "--distill.objective=self-supervised",
    "--distill.batch_size=128",
    "--distill.num_epochs=3",
    "--distill.optimizer=lars",
    "--distill.projector.expansion=32",
    "--distill.projector.widths=[32,16]",
    "--distill.projector.noise=0.25",
    "--rating.scores=[embedding_distance]",
    "--retrain=null",
]
"""Settings of a recipe in which teacher and supernet learn together."""


@pytest.mark.slow
def test_kills_while_teacher_and_supernet_learn_together_leave_the_result_of_an_uninterrupted_run(
    running: Running, tiny_path: Path, tmp_path: Path, digests: Digests
) -> None:
    recipe, whole, folder = [str(tiny_path), *JOINT], tmp_path / "whole", tmp_path / "killed"
    assert running(recipe, whole, 30.0).wait()[0] == 0
    for stage, share in (("distill", 0.3), ("distill", 0.8), ("stitch", 0.5)):
        assert kill_in(running, stage, share, recipe, folder, 0.05)
    assert running(recipe, folder, 30.0).wait()[0] == 0
    assert digests(folder) == digests(whole)
    learned = Path("supernet/teacher/model.safetensors")
    assert (folder / learned).read_bytes() == (whole / learned).read_bytes()
