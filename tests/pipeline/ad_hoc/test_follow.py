"""A run by several processes: the first does what a single one does, and the others take part where work is shared."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.distributed.parallel import DataParallel
from helixnas.engine.history import load_history
from helixnas.errors import NonFiniteLossError
from helixnas.pipeline.ad_hoc import follow as module
from helixnas.pipeline.ad_hoc.follow import follow, joined
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe

pytestmark = pytest.mark.usefixtures("plain_page")


class Told:
    """An order that keeps what was done."""

    def __init__(self, done: list[str], name: str) -> None:
        self.done, self.name = done, name

    def take_part(self) -> None:
        """Keep the name; the first of all has a loss that is not finite."""
        self.done.append(self.name)
        if self.name == "first":
            raise NonFiniteLossError("the loss of block 1 is nan")  # the first process says so


def test_a_process_takes_part_in_every_order_until_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[str]()
    orders = iter([Told(done, "first"), Told(done, "second"), None])
    monkeypatch.setattr(module, "share", lambda value: next(orders))
    follow()
    assert done == ["first", "second"]


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("is_joined", [True, False])
def test_the_first_process_lets_the_others_go_even_after_an_error_unless_it_left_before(
    monkeypatch: pytest.MonkeyPatch, rank: int, is_joined: bool
) -> None:
    said = list[object]()
    place = DataParallel(rank, 2)
    monkeypatch.setattr(module, "join", lambda: place)
    monkeypatch.setattr(module, "current", lambda: place if is_joined else None)
    monkeypatch.setattr(module, "share", said.append)
    monkeypatch.setattr(module, "leave", lambda: said.append("left"))
    with pytest.raises(ZeroDivisionError), joined():
        raise ZeroDivisionError
    assert said == ([None, "left"] if rank == 0 and is_joined else ["left"])


RANKS = """
import json, os, signal, socket, sys

words, dies_in, when = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]


def dying(kind, name, step_of):
    do = getattr(kind, name)
    def hooked(self, *words):
        if step_of(self) == when:
            os.kill(os.getpid(), signal.SIGKILL)
        return do(self, *words)
    setattr(kind, name, hooked)


def be(rank):
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    from helixnas.cli import main
    from helixnas.distill import Distillation
    from helixnas.engine import Fit, job
    from helixnas.rating import Rating
    job.SECONDS_BETWEEN_CHECKPOINTS = 0
    if rank == 1 and dies_in == "distill":
        dying(Distillation, "_train_on", lambda self: self.step)
    if rank == 1 and dies_in in ("the teacher", "the searched network"):
        dying(Fit, "_train_on", lambda self: self.step if self.title == dies_in else None)
    if rank == 1 and dies_in == "rate":
        dying(Rating, "_rate", lambda self: self.num_done)
    sys.exit(main(words))


ranks = []
for rank in range(2):
    child = os.fork()
    if not child:
        be(rank)
    ranks.append(child)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in ranks]))
"""
"""Starts a command as two processes, as torchrun does, but leaves the one alone when the other dies."""

Together = Callable[..., tuple[list[int], str, str]]


@pytest.fixture
def together(fork: Callable[..., Any], tiny_path: Path) -> Together:
    """Return a function that runs the stages of a recipe on two processes, and returns their exit codes and what they said.

    The second may be killed in a stage (`dies_in`) before a step.
    """

    def run(folder: Path, *words: str, dies_in: str = "", when: int = 0) -> tuple[list[int], str, str]:
        command = ["run", str(tiny_path), "--out", str(folder), *words]
        code, said, complaints = fork(RANKS, json.dumps(command), dies_in, str(when)).wait()
        assert code == 0, complaints
        *lines, codes = said.strip().split("\n")
        return json.loads(codes), "\n".join(lines), complaints

    return run


@pytest.mark.distributed
def test_two_processes_share_all_long_stages_and_find_the_architecture_that_one_does(
    together: Together, finished: RunFolder, tiny: Recipe, tmp_path: Path, listener: Any
) -> None:
    folder = RunFolder(tmp_path / "run")
    codes, said, complaints = together(folder.path)
    assert codes == [0, 0], complaints
    assert said.count("2 processes train together, each on its part of every batch") == 3  # one of them speaks
    assert said.count("2 processes rate together, each its part of the paths") == 1
    assert said.count("distill: steps 21, images 1,344") == 1
    ours, theirs = (
        {str(file.relative_to(run.path)): file.read_bytes() for file in run.path.glob("searches/*/architecture.json")}
        for run in (folder, finished)
    )
    assert ours == theirs != {}
    one, two = (load_history(run.history("distill")) for run in (finished, folder))
    assert one[["step", "name"]].equals(two[["step", "name"]])
    np.testing.assert_allclose(one["value"], two["value"], rtol=1e-3)
    record = folder.load_record()
    shared = ("teacher", "distill", "rate", "retrain:small")
    assert {name for name, stage in record.stages.items() if stage.core_seconds is None} == set(shared)
    run_recipe(tiny, folder, listener)
    assert "retrain:small: done already" in listener.said


@pytest.mark.distributed
def test_two_processes_write_the_bytes_of_ratings_that_one_writes(
    together: Together, copy: RunFolder, finished: RunFolder
) -> None:
    shutil.rmtree(copy.path / "ratings")
    codes, _, complaints = together(copy.path, "--until", "rate")
    assert codes == [0, 0], complaints
    names = sorted(file.name for file in finished.path.glob("ratings/*.parquet"))
    assert len(names) == 2
    for name in names:
        assert (copy.path / "ratings" / name).read_bytes() == (finished.path / "ratings" / name).read_bytes()


@pytest.mark.distributed
def test_when_one_process_is_killed_in_any_stage_the_other_ends_and_the_run_goes_on_in_one(
    together: Together, tiny: Recipe, tmp_path: Path, listener: Any
) -> None:
    folder = RunFolder(tmp_path / "run")
    stages = {"teacher": ("the teacher", 7), "distill": ("distill", 7), "rate": ("rate", 1)}
    for stage, (dies_in, when) in {**stages, "retrain:small": ("the searched network", 7)}.items():
        began = time.monotonic()
        codes, _, complaints = together(folder.path, dies_in=dies_in, when=when)
        assert codes == [2, -signal.SIGKILL], complaints
        assert time.monotonic() - began < 60
        assert "another process of this run has ended, so this one stops; start the same command" in complaints
        assert stage not in folder.load_record().stages
        assert folder.checkpoint(stage).is_file()
        run_recipe(tiny, folder, listener, until=stage.partition(":")[0])
        assert stage in folder.load_record().stages
    run_recipe(tiny, folder, listener)


@pytest.mark.distributed
def test_torchrun_starts_the_processes(copy: RunFolder) -> None:
    shutil.rmtree(copy.path / "ratings")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "helixnas"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "rate", str(copy.path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes rate together, each its part of the paths" in done.stdout
