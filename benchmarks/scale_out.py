"""Jobs on several workers: speed, bits, survival and overhead (docs/guide/scale-out.md).

Claims: six equal blocks on two workers of one core take at most 1/1.85 of the time of one such worker; ratings on 1, 2 and 4
workers are the same bytes; two processes of one thread that share every batch (torchrun) reach .9 of the throughput of one
process of two threads; a run whose workers are killed 20 times ends with the bits of an undisturbed one, on every executor
that is installed; the controller adds at most 1 % to a job of 60 s.

Choose with words: ``python benchmarks/scale_out.py speed rating parallel kills overhead``. Speed and parallel need idle cores.
``kills=3`` kills three times per executor, not 20, and ``kills=3@slurm`` on that one alone. Without Slurm, its jobs are
processes of this machine that submitit starts.
"""

import hashlib
import importlib.util
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.jobs.control import Job, run_jobs
from helixnas.jobs.executor import Task
from helixnas.jobs.lease import Lease, leases_of, load_lease
from helixnas.jobs.local import Local

NUM_BLOCKS, NUM_EPOCHS, NUM_KILLS, NUM_TASKS = 6, 24, 20, 20
RESULTS = ["supernet/*", "ratings/*"]

RECIPE: dict[str, Any] = {
    "name": "equal-blocks",
    "seed": 0,
    "runtime": {"num_threads": 1, "device": "cpu"},
    "data": {"name": "digits", "image_size": 16, "augmentation": "shift", "num_rating": 300},
    "teacher": {
        "model": "small_resnet",
        "model_args": {
            "channels": [16] * NUM_BLOCKS,
            "layers": [1] * NUM_BLOCKS,
            "strides": [1] * NUM_BLOCKS,
            "stem_width": 16,
        },
        "boundaries": [f"layer{number}" for number in range(1, NUM_BLOCKS + 1)],
    },
    "teacher_fit": {"num_epochs": 2, "batch_size": 64},
    "space": {
        "name": "equal-blocks",
        "family": "mbconv",
        "cells": [[[3, 16], [2, 16]]] * NUM_BLOCKS,
        "strides": [1] * NUM_BLOCKS,
        "kernels": [3, 5],
        "expansions": [3, 6],
        "stem_width": 16,
        "stem_stride": 1,
        "separable_width": 0,
        "head_width": 32,
    },
    "distill": {"num_epochs": NUM_EPOCHS, "batch_size": 64},
    "rating": {"batch_size": 100},
    "searches": {"small": {"max": {"params": 60_000}}},
    "retrain": None,
}


def main() -> None:
    """Print what was chosen, in order."""
    claims: dict[str, Callable[[Path], None]] = {
        "speed": speed,
        "rating": rating,
        "parallel": parallel,
        "kills": kills,
        "overhead": overhead,
    }
    for word in sys.argv[1:] or claims:
        name, _, number = word.partition("=")
        number, _, only = number.partition("@")
        claim = partial(kills, num_kills=int(number), only=only) if name == "kills" and number else claims[name]
        with tempfile.TemporaryDirectory() as folder:
            print(f"-- {word}", flush=True)
            claim(Path(folder))


def speed(place: Path) -> None:
    """Distil on one worker of one core, then on two."""
    seconds: dict[int, float] = {}
    for workers in (1, 2):
        folder = prepared(place / f"on-{workers}", until="costs")
        started = time.perf_counter()
        helixnas("distill", str(folder), "--executor", f"local:{workers}")
        seconds[workers] = time.perf_counter() - started
        print(f"{workers} workers: {seconds[workers]:.1f} s for {NUM_BLOCKS} blocks")
    print(f"two workers are {seconds[1] / seconds[2]:.3f} times as fast as one (aim: 1.85)")
    same(place / "on-1", place / "on-2", ["supernet/*", "history/distill*"])


def rating(place: Path) -> None:
    """Rate in one process, then on 1, 2 and 4 workers, in jobs of every size."""
    whole = prepared(place / "whole", until="rate", epochs=1)
    for workers, size in ((1, "block"), (2, "cell"), (4, "prefix")):
        folder = place / f"on-{workers}"
        shutil.copytree(whole, folder)
        shutil.rmtree(folder / "ratings")
        helixnas("rate", str(folder), "--executor", f"local:{workers}", "--by", size)
        print(f"{workers} workers, jobs by {size}:", end=" ")
        same(whole, folder, ["ratings/*"])


def parallel(place: Path) -> None:
    """Distil in one process of two threads, then in two of one thread, in turns; compare the seconds of the stage."""
    changes = {
        "data": {**RECIPE["data"], "image_size": 32},
        "distill": {"num_epochs": 3, "batch_size": 256},  # 12 steps, of which the first takes longer
    }
    begun = prepared(place / "begun", until="costs", changes=changes)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(3):
        for processes in (1, 2):
            folder = place / f"{turn}-of-{processes}"
            shutil.copytree(begun, folder)
            launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2"] if processes == 2 else []
            threads = 2 // processes
            settings = folder / "config.yaml"
            settings.write_text(settings.read_text().replace("num_threads: 1", f"num_threads: {threads}"))
            command = [sys.executable, *launcher, "-m", "helixnas", "distill", str(folder)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            seconds[processes].append(RunFolder(folder).load_record().stages["distill"].seconds)
    one, two = (statistics.median(values) for values in seconds.values())
    print(f"one process: {seconds[1]} s; two processes: {seconds[2]} s")
    print(f"two processes have {one / two:.3f} of the throughput of one with as many cores (aim: .9)")


def kills(place: Path, num_kills: int = NUM_KILLS, only: str = "") -> None:
    """Kill workers at random moments of distillation and rating, on every executor that is installed."""
    whole = prepared(place / "whole", until="rate", epochs=4)
    begun, draw = prepared(place / "begun", until="costs", epochs=4), random.Random(0)
    slurm = "slurm" if shutil.which("sbatch") else "slurm:cluster=local"
    executors = {"local:2": "helixnas", "ray": "ray", slurm: "submitit"}
    for executor, package in executors.items():
        if not executor.startswith(only):
            continue
        if importlib.util.find_spec(package) is None:
            print(f"{executor}: not installed here")
            continue
        survived, started = 0, time.perf_counter()
        for number in range(num_kills):
            folder = place / f"{package}-{number}"
            shutil.copytree(begun, folder)
            wrong = run_and_kill_one(folder, executor, draw)
            if not wrong and digests(whole, RESULTS) != digests(folder, RESULTS):
                wrong = "other bits"
            survived += not wrong
            print(f"{executor}, run {number + 1}: {wrong or 'the same bits'}", flush=True)
        seconds = (time.perf_counter() - started) / num_kills
        note = " (no sbatch here: submitit's local executor)" if executor == "slurm:cluster=local" else ""
        print(
            f"{executor}{note}: {survived} of {num_kills} runs in which a worker was killed end with the same bits; "
            f"{seconds:.0f} s a run",
            flush=True,
        )


def run_and_kill_one(folder: Path, executor: str, draw: random.Random) -> str:
    """Run until the rating, killing one worker on the way; return what went wrong, or nothing.

    The worker is that of a random job, or of one after it if it ends before it can be killed.
    """
    words = ["run", str(folder / "config.yaml"), "--out", str(folder), "--until", "rate", "--executor", executor]
    jobs = [f"{stage}-{number}" for stage in ("distill", "rate") for number in range(1, NUM_BLOCKS + 1)]
    chosen, delay, killed = jobs[draw.randrange(len(jobs)) :], draw.uniform(0, 1), False
    output = folder.with_suffix(".txt")
    with output.open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "helixnas", *words], stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None:
            alive = [lease for lease in leases_of(RunFolder(folder)) if lease.job in chosen and lease.is_alive]
            if alive and not killed:
                until = time.monotonic() + delay
                while time.monotonic() < until and is_at_work(folder, alive[0]):
                    time.sleep(0.02)
                killed = is_at_work(folder, alive[0]) and kill(alive[0].process)
            time.sleep(0.05)
    if process.returncode:
        return f"exit code {process.returncode}: {output.read_text().strip().splitlines()[-1:]}"
    return "" if killed else "no worker was killed"


def is_at_work(folder: Path, lease: Lease) -> bool:
    """Return whether an attempt at a job still runs."""
    now = load_lease(RunFolder(folder).lease(lease.job))
    return now is not None and now.attempt == lease.attempt and now.is_alive


def kill(process: int) -> bool:
    """Kill a process; return whether there was one."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def overhead(place: Path) -> None:
    """Time tasks that sleep, with the controller and without."""
    folder = RunFolder(place / "run")
    command = (sys.executable, "-c", "import sys, time; time.sleep(0.2); open(sys.argv[1], 'w').close()")

    def job(number: int) -> Job:
        name, done = f"task-{number}", place / f"done-{number}"
        log = folder.jobs / f"{name}.log"
        task = Task(name=name, command=(*command, str(done)), folder=place, log=log)
        return Job(task=task, checkpoint=folder.checkpoint(name), is_done=done.is_file)

    started = time.perf_counter()
    for number in range(NUM_TASKS):
        job(number).task()
        (place / f"done-{number}").unlink()
    alone = time.perf_counter() - started
    executor = Local(1)
    started = time.perf_counter()
    run_jobs([job(number) for number in range(NUM_TASKS)], executor, folder, Reporter())
    added = (time.perf_counter() - started - alone) / NUM_TASKS
    executor.close()
    print(f"the controller adds {1000 * added:.1f} ms to a job: {added / 60:.3%} of 60 s (aim: 1 %)")


def prepared(folder: Path, *, until: str, epochs: int = NUM_EPOCHS, changes: Mapping[str, Any] | None = None) -> Path:
    """Return a run up to a stage; `changes` replace sections of the recipe."""
    recipe = folder.with_suffix(".yaml")
    values = {**RECIPE, "distill": {**RECIPE["distill"], "num_epochs": epochs}, **(changes or {})}
    recipe.write_text(yaml.safe_dump(values))
    helixnas("run", str(recipe), "--out", str(folder), "--until", until)
    return folder


def helixnas(*words: str) -> None:
    """Run a command."""
    subprocess.run([sys.executable, "-m", "helixnas", *words], check=True, stdout=subprocess.DEVNULL)


def digests(run: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of files of a run."""
    files = sorted(file for pattern in patterns for file in run.glob(pattern) if file.is_file())
    return {str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def same(first: Path, second: Path, patterns: list[str]) -> None:
    """Print whether files of two runs are the same bytes."""
    one, other = digests(first, patterns), digests(second, patterns)
    print(f"{len(one)} files, {'the same bytes' if one == other and one else 'NOT the same bytes'}")


if __name__ == "__main__":
    main()
