"""kill -9 at random moments of every stage: whatever was being done, going on leads to the same bits."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_recipe
from helixnas.pipeline.plan import plan

RUN = """
import os, pathlib, signal, sys, threading
from helixnas.cli.settings import read_recipe
from helixnas.engine import job
from helixnas.pipeline import run
from helixnas.engine.progress import Reporter
from helixnas.artifacts.run_folder import RunFolder

recipe, folder, seconds, stage, share, delay, *settings = sys.argv[1:]
inside = []


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_soon():
    if not inside:
        inside.append(threading.Timer(float(delay), kill))
        inside[0].start()


class Killing(Reporter):
    def progress(self, title, total):
        inner = super().progress(title, total)
        class Watching:
            def __enter__(self):
                advance = inner.__enter__()
                def tell(done, note="", **more):
                    if begun == [stage] and done / (more.get("total") or total) >= float(share):
                        kill_soon()
                    advance(done, note, **more)
                return tell
            def __exit__(self, *details):
                return inner.__exit__(*details)
        return Watching()


begun = []


def killed_in(step, name):
    def do(*words):
        begun[:] = [name]
        if name == stage and float(share) < 0:
            kill_soon()
        result = step(*words)
        if name == stage:
            kill()  # made and not yet recorded: the last moment to be killed in
        return result
    return do


work, write = run.work, run.build_report
run.work = lambda one, context: killed_in(work, one.name)(one, context)
run.build_report = killed_in(write, "report")
job.SECONDS_BETWEEN_CHECKPOINTS = float(seconds)
run.run_recipe(read_recipe(recipe, settings), RunFolder(pathlib.Path(folder)), Killing())
"""

Running = Callable[..., int]
Digests = Callable[[Path], dict[str, str]]


@pytest.fixture
def running(fork: Callable[..., Any]) -> Running:
    """Return a function that runs a recipe in a process of its own, and returns its exit code.

    It takes the recipe's name or file and settings that replace its own, the folder of the run, the seconds between
    checkpoints, and of a kill: the stage, the share of its steps that are done (negative: from its beginning) and the seconds
    from then on. A stage that is through before is killed before it is recorded.
    """

    def run(recipe: list[str], folder: Path, *, stage: str = "", share: float = 0.0, delay: float = 0.0) -> int:
        words = [recipe[0], str(folder), "0.05" if stage else "30", stage, str(share), str(delay), *recipe[1:]]
        code: int = fork(RUN, *words).wait()[0]
        return code

    return run


@pytest.mark.slow
def test_twenty_kills_in_all_stages_leave_the_result_of_an_uninterrupted_run(
    running: Running, finished: RunFolder, tiny_path: Path, tmp_path: Path, digests: Digests
) -> None:
    recipe, folder, draw = [str(tiny_path)], tmp_path / "killed", np.random.default_rng(0)
    stages = [*(stage.name for stage in plan(read_recipe(recipe[0]).to_dict())), "report"]
    hit = [stages[number * len(stages) // 20] for number in range(20)]
    assert set(hit) == set(stages)
    for stage in hit:
        share, delay = float(draw.uniform(-0.2, 0.98)), float(draw.uniform(0, 0.1))
        assert running(recipe, folder, stage=stage, share=share, delay=delay) == -signal.SIGKILL
    assert running(recipe, folder) == 0
    assert (folder / "report.html").is_file()
    assert digests(folder) == digests(finished.path)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_distillation_leaves_the_result_of_an_uninterrupted_run(
    running: Running, finished: RunFolder, tiny_path: Path, tmp_path: Path, digests: Digests
) -> None:
    folder = tmp_path / "killed"
    assert running([str(tiny_path)], folder, stage="distill", share=0.6) == -signal.SIGKILL
    assert running([str(tiny_path)], folder) == 0
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


@pytest.mark.long
def test_kills_while_teacher_and_supernet_learn_together_leave_the_result_of_an_uninterrupted_run(
    running: Running, tiny_path: Path, tmp_path: Path, digests: Digests
) -> None:
    recipe, whole, folder = [str(tiny_path), *JOINT], tmp_path / "whole", tmp_path / "killed"
    assert running(recipe, whole) == 0
    for stage, share in (("distill", 0.3), ("distill", 0.8), ("stitch", 0.5)):
        assert running(recipe, folder, stage=stage, share=share) == -signal.SIGKILL
    assert running(recipe, folder) == 0
    assert digests(folder) == digests(whole)
    learned = Path("supernet/teacher/model.safetensors")
    assert (folder / learned).read_bytes() == (whole / learned).read_bytes()
