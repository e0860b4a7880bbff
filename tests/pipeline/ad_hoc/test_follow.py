"""A run by several processes: the first does what a single one does, and the others train with it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.history import load_history
from helixnas.engine.parallel import DataParallel
from helixnas.errors import NonFiniteLossError
from helixnas.pipeline.ad_hoc import follow as module
from helixnas.pipeline.ad_hoc.follow import follow, joined
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe


def test_a_process_takes_part_in_every_order_until_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    orders, done = iter(["first", "second", None]), list[str]()

    def train(order: Any) -> None:
        done.append(order)
        if order == "first":
            raise NonFiniteLossError("the loss of block 1 is nan")  # the first process says so

    monkeypatch.setattr(module, "share", lambda value: next(orders))
    monkeypatch.setattr(module, "train_together", train)
    follow()
    assert done == ["first", "second"]


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_process_lets_the_others_go_even_after_an_error(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    said = list[object]()
    monkeypatch.setattr(module, "join", lambda: DataParallel(rank, 2))
    monkeypatch.setattr(module, "share", said.append)
    monkeypatch.setattr(module, "leave", lambda: said.append("left"))
    with pytest.raises(ZeroDivisionError), joined():
        raise ZeroDivisionError
    assert said == ([None, "left"] if rank == 0 else ["left"])


@pytest.fixture
def taught(copy: RunFolder) -> RunFolder:
    """A run that has a teacher and costs, and nothing after them."""
    for name in ("supernet", "ratings", "searches"):
        shutil.rmtree(copy.path / name)
    return copy


@contextmanager
def two_processes(*words: str) -> Any:
    """Start a command of HelixNAS by torchrun, in a session of its own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "helixnas", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.distributed
def test_two_processes_distil_as_one_does_up_to_rounding_and_one_goes_on_alone(
    taught: RunFolder, finished: RunFolder, tiny: Recipe, listener: Any
) -> None:
    with two_processes("distill", str(taught.path)) as process:
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said
    assert said.count("2 processes train together, each on its part of every batch") == 1  # one of them speaks
    assert said.count("distill: steps 21, images 1,344") == 1
    one, two = (load_history(run.history("distill")) for run in (finished, taught))
    assert one[["step", "name"]].equals(two[["step", "name"]])
    np.testing.assert_allclose(one["value"], two["value"], rtol=1e-4)
    assert taught.load_record().stages["distill"].core_seconds is None
    run_recipe(tiny, taught, listener, until="rate")
    assert "distill: done already" in listener.said


@pytest.mark.distributed
def test_when_one_process_dies_the_other_ends_and_the_run_goes_on_in_one(
    taught: RunFolder, finished: RunFolder, tiny: Recipe, listener: Any, tmp_path: Path
) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text(
        "import os, signal, sys\n"
        "from helixnas.distill import Distillation\n"
        "train = Distillation._train_on\n"
        "def die(self, views):\n"
        "    if os.environ['RANK'] == '1' and self.step == 7:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return train(self, views)\n"
        "Distillation._train_on = die\n"
        "from helixnas.cli import main\n"
        "sys.exit(main())\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(dying), "distill"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(taught.path)], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode != 0
    told = ("another process of this training has ended, so this one stops", "; continue with: helixnas distill")
    assert any(sentence in done.stderr for sentence in told), done.stderr  # torchrun may be quicker to end the other
    assert "distill" not in taught.load_record().stages
    run_recipe(tiny, taught, listener, until="distill")
    assert "distill" in taught.load_record().stages
