"""Tasks: a command in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from helixnas.jobs.executor import PARENT, Executor, Handle, Task, end_with_worker
from helixnas.jobs.local import Local


def test_a_task_runs_in_its_folder_with_its_environment_and_keeps_what_it_prints(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['COLOUR']); sys.exit(3)"
    log = tmp_path / "logs" / "a.log"
    task = Task(
        name="a", command=(sys.executable, "-c", code), folder=tmp_path, log=log, environment={"COLOUR": "green"}
    )
    assert (task(), task()) == (3, 3)
    assert log.read_text() == f"{tmp_path} green\n" * 2


def test_a_task_that_is_interrupted_lets_its_process_save(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time, pathlib\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path('saved').touch(), sys.exit()))\n"
        "pathlib.Path('begun').touch(); time.sleep(60)"
    )
    task = Task(name="a", command=(sys.executable, "-c", code), folder=tmp_path, log=tmp_path / "a.log")

    def interrupt() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes ignore it
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            task()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "saved").exists()


WORKER = """
import sys
from pathlib import Path
from helixnas.jobs.executor import Task

code = "import os, pathlib, time; from helixnas.jobs.executor import end_with_worker; end_with_worker();"
code += "pathlib.Path('new').write_text(str(os.getpid())); os.rename('new', 'process'); time.sleep(60)"
folder = Path(sys.argv[1])
Task(name="a", command=(sys.executable, "-c", code), folder=folder, log=folder / "a.log")()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with the one that started it")
def test_a_process_that_hangs_ends_with_the_worker_that_waits_for_it(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)])
    while not (tmp_path / "process").exists():
        assert worker.poll() is None
        time.sleep(0.01)
    process = psutil.Process(int((tmp_path / "process").read_text()))
    process.suspend()
    worker.kill()
    worker.wait()
    assert psutil.wait_procs([process], timeout=30) == ([process], [])


def test_a_process_that_no_worker_waits_for_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PARENT, raising=False)
    monkeypatch.setattr("ctypes.CDLL", None)
    end_with_worker()


def test_local_is_an_executor_with_handles(tmp_path: Path) -> None:
    local = Local(1)
    assert isinstance(local, Executor)
    task = Task(name="a", command=(sys.executable, "-c", ""), folder=tmp_path, log=tmp_path / "a.log")
    handle = local.submit(task)
    assert isinstance(handle, Handle)
    local.close()
    assert (handle.done(), handle.result()) == (True, 0)
