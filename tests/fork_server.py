"""Starts processes that need not import torch anew: each is forked from this one, which has imported the pipeline.

Run as a program; `tests/forking.py` speaks to it. Every process may be killed, and ends as any Python process does.
"""

import importlib
import json
import os
import signal
import socket
import sys

IMPORTED = ("sklearn.datasets", "torch.utils.tensorboard.writer", "helixnas.cli.settings", "helixnas.pipeline.run")
"""What a run imports, some of it late."""


def serve(line: socket.socket) -> None:
    """Fork a process for every order that comes in; tell its number, and its exit code once it has ended."""
    while True:
        order, streams, _, _ = socket.recv_fds(line, 1 << 20, 2)
        if not order:
            return
        child = os.fork()
        if child == 0:
            line.close()
            for number, stream in enumerate(streams, start=1):
                os.dup2(stream, number)
                os.close(stream)
            become(**json.loads(order))
            return
        for stream in streams:
            os.close(stream)
        line.sendall(f"{child}\n".encode())
        line.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())


def become(code: str, words: list[str], folder: str, environment: dict[str, str]) -> None:
    """Do what `python -c code words` does in a folder."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background inherits that it is ignored
    sys.argv = ["-c", *words]
    exec(code, {"__name__": "__main__"})


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    serve(socket.socket(fileno=int(sys.argv[1])))
