"""Processes that need not import torch anew: the fixture `fork` asks the server of `fork_server.py` for them.

A plugin that `conftest.py` registers; nothing here may import torch or numpy, as there.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


class Forked:
    """A Python process of its own that did not have to import torch: its number, its output, its end."""

    def __init__(self, line: socket.socket, code: str, words: tuple[str, ...]) -> None:
        out, into = os.pipe()
        self.stdout = os.fdopen(out, encoding="utf-8")
        self.complaints = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - `wait` closes it
        order = {"code": code, "words": words, "folder": str(Path.cwd()), "environment": dict(os.environ)}
        socket.send_fds(line, [json.dumps(order).encode()], [into, self.complaints.fileno()])
        os.close(into)
        self.answers = line.makefile()
        self.pid = int(self.answers.readline())

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing happens if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = 600.0) -> tuple[int, str, str]:
        """Let it end, or kill it after some time; return its exit code, the rest of its output and its complaints."""
        limit = threading.Timer(seconds, self.send_signal, [signal.SIGKILL])
        limit.start()
        with self.stdout, self.answers, self.complaints:
            said, code = self.stdout.read(), int(self.answers.readline())
            limit.cancel()
            self.complaints.seek(0)
            return code, said, self.complaints.read()


@pytest.fixture(scope="session")
def fork_server() -> Iterator[socket.socket]:
    """Return the line to a process that has imported torch and forks others."""
    ours, theirs = socket.socketpair()
    server = [sys.executable, "-u", str(Path(__file__).parent / "fork_server.py"), str(theirs.fileno())]
    with ours, subprocess.Popen(server, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        yield ours
        ours.close()
        process.wait(timeout=60)


@pytest.fixture
def fork(fork_server: socket.socket) -> Iterator[Callable[..., Forked]]:
    """Return a function that does what `python -c code words` does, in the current folder, without the seconds of torch.

    One process at a time: wait for it before the next.
    """
    started: list[Forked] = []

    def fork(code: str, *words: str) -> Forked:
        started.append(Forked(fork_server, code, words))
        return started[-1]

    yield fork
    for process in started:
        if not process.stdout.closed:  # a test that failed left it
            process.send_signal(signal.SIGKILL)
            process.wait()
