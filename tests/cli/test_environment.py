"""Every verb under the conditions of a bare container: no home, a user without a name, closed streams, a full disk."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helixnas.cli import main
from helixnas.cli.commands import COMMANDS

VERBS: dict[str, list[str]] = {
    "init": [
        "init",
        "--teacher",
        "small_resnet",
        "--weights",
        "none",
        "--data",
        "digits",
        "--max",
        "params=80%",
        "--force",
    ],
    "run": ["run", "tiny.yaml", "--out", "new", "--until", "costs"],
    "status": ["status", "done"],
    "report": ["report", "done"],
    "recipes": ["recipes"],
    "spaces": ["spaces"],
    "teacher": ["teacher", "done"],
    "costs": ["costs", "done", "--latency", "pytorch-eager", "--num-rounds", "1", "--num-networks", "1"],
    "proxies": ["proxies", "done", "--num-networks", "3"],
    "calibrate": ["calibrate", "done", "--num-networks", "3"],
    "distill": ["distill", "done"],
    "rate": ["rate", "done"],
    "search": ["search", "done", "--max", "macs=80%"],
    "retrain": ["retrain", "done"],
    "verify": ["verify", "done"],
    "work": ["work", "done", "distill-1"],
    "compare": ["compare", "done", "--with", "resnet18", "--random", "1", "--dry-run"],
    "rank": ["rank", "done", "--bench", "mine.json", "--num-resamples", "5"],
    "baseline": ["baseline", "done", "spos", "--bench", "mine.json", "--num-epochs", "1", "--num-points", "1"],
    "bench": ["bench", "build", "--recipe", "tiny.yaml", "--num-networks", "3", "--dry-run"],
    "study": ["study", "interface", "--base", "digits", "--dry-run"],
    "models": ["models"],
    "validate": ["validate", "done"],
    "finetune": ["finetune", "done", "--data", "digits", "--num-epochs", "1", "--image-size", "8"],
    "export": ["export", "done", "--format", "timm"],
    "transfer": ["transfer", "resnet18", "--weights", "none", "--recipe", "ade20k-aspp", "--dry-run"],
}
"""A cheap call of every verb."""

every_verb = pytest.mark.parametrize("verb", VERBS)


def test_no_verb_is_left_out() -> None:
    has_own_tests = ["demo", "push", "predict"]  # minutes of training, a hub, the model of a transfer
    assert sorted([*VERBS, *has_own_tests]) == sorted(command.name for command in COMMANDS)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tiny_path: Path) -> Path:
    """A benchmark of three networks."""
    file = tmp_path_factory.mktemp("bench") / "mine.json"
    words = ["--recipe", str(tiny_path), "--num-networks", "3", "--quiet", "--out", str(file)]
    assert main(["bench", "build", *words]) == 0
    return file


@pytest.fixture(scope="module")
def done(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    run = tmp_path_factory.mktemp("done") / "run"
    shutil.copytree(searched, run)
    assert main(["retrain", str(run)]) == 0
    return run


@pytest.fixture
def place(tiny: str, done: Path, bench: Path) -> None:
    """A finished run, a benchmark and a recipe in the current folder."""
    shutil.copytree(done, "done")
    shutil.copy(bench, "mine.json")


def nameless(number: int) -> Any:
    raise KeyError(f"getpwuid(): uid not found: {number}")


@every_verb
def test_every_verb_works_without_home_and_name_and_with_closed_streams(
    verb: str, place: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwuid", nameless)
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "HELIXNAS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, stream, None)
    code = main(VERBS[verb])
    for opened in (sys.stdin, sys.stdout, sys.stderr):
        opened.close()  # a command leaves that to the end of its process
    assert code == 0
    assert not Path("~").exists()


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command line of the shell, in which `helixnas` is this one."""
    helixnas = f'helixnas() {{ "{sys.executable}" -m helixnas "$@"; }}; '
    return subprocess.run(["bash", "-c", helixnas + command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "code", "complaint"),
    [
        ("helixnas recipes >&-", 0, ""),
        ("helixnas recipes <&- >&- 2>&-", 0, ""),
        ("helixnas run --help >&-", 0, ""),
        ("helixnas serch 2>&-", 2, ""),
        ("helixnas recipes >/dev/full", 2, "helixnas: cannot print the output: No space left on device\n"),
        ("helixnas run --help >/dev/full", 2, "helixnas: cannot print the output: No space left on device\n"),
        ("helixnas --help >/dev/full", 2, "helixnas: cannot print the output: No space left on device\n"),
        ("helixnas --version >/dev/full", 2, "helixnas: cannot print the output: No space left on device\n"),
        ("helixnas recipes >/dev/full 2>&1", 2, ""),
        ("helixnas serch 2>/dev/full", 2, ""),
        ("helixnas recipes | true", 0, ""),
        ("helixnas run --help | true", 0, ""),
    ],
)
def test_output_that_nobody_receives(
    command: str, code: int, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = shell(f"set -o pipefail; {command}")
    assert (done.returncode, done.stderr) == (code, complaint)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@every_verb
def test_no_verb_succeeds_where_its_output_cannot_be_printed(
    verb: str, place: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        number = os.dup(full.fileno())
        patch.setattr("sys.stdout", os.fdopen(number, "w", buffering=1, encoding="utf-8"))
        assert main(VERBS[verb]) == 2
        sys.stdout.close()
    assert capfd.readouterr().err == "helixnas: cannot print the output: No space left on device\n"


def test_no_file_takes_the_number_of_a_closed_stream() -> None:
    check = "import os; from helixnas.cli import main; main(['--version']); print(os.open('/', os.O_RDONLY) > 2)"
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'"{sys.executable}" -c "{check}; os._exit(0 if os.open(\'/\', os.O_RDONLY) > 2 else 1)" >&- 2>&-',
        ],
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become another user")
def test_a_user_without_a_name_can_list_recipes(fork: Callable[..., Any], tmp_path: Path) -> None:
    code = "import os, sys; os.setgid(54321); os.setuid(54321); from helixnas.cli import main; sys.exit(main(sys.argv[1:]))"
    process = fork(f"import os; os.environ.clear(); from helixnas.cli import commands, shipped; {code}", "models")
    code_of_exit, said, complaints = process.wait(60)
    assert (code_of_exit, complaints) == (0, "")
    assert "dna_a" in said


DYING = """
import os, signal, sys, torch
from helixnas.cli import main
from helixnas.data import loading

loading._require_shared_memory = lambda *_: None  # there was room when the run began
collate = loading._collate

def dying(samples, **how):
    if sys.argv[1] == "killed" and torch.utils.data.get_worker_info() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return collate(samples, **how)

loading._collate = dying
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["full", "killed"])
def test_a_process_that_reads_images_and_dies_ends_the_run_with_a_sentence(
    fate: str, tiny_path: Path, tmp_path: Path
) -> None:
    for number in range(80):
        file = tmp_path / "images" / str(number % 2) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (number, 0, 0)).save(file)
    own_mounts = ["unshare", "--mount"]
    if fate == "full" and subprocess.run([*own_mounts, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small /dev/shm")
    words = ["run", str(tiny_path), "--out", str(tmp_path / "run"), "--until", "teacher", "--retrain", "null"]
    words += ["--data.name", "", "--data.root", str(tmp_path / "images"), "--data.num_workers", "2"]
    words += [
        "--data.cache",
        "false",
        "--data.image_size",
        "64",
        "--data.num_rating",
        "4",
        "--teacher_fit.batch_size",
        "8",
    ]
    command = [sys.executable, "-c", DYING, fate, *words]
    if fate == "full":
        small = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
        command = [*own_mounts, "sh", "-c", small, "sh", *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert (
        "a process that reads images died, usually because /dev/shm is too small: set data.num_workers to 0"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
