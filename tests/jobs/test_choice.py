"""The executor by the name that the command line gives it."""

import sys
from pathlib import Path

import pytest

from helixnas.errors import ConfigError
from helixnas.jobs.choice import ExecutorChoice, num_cores, parse_executor
from helixnas.jobs.local import Local


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local:3", ExecutorChoice(kind="local", num_workers=3)),
        ("ray", ExecutorChoice(kind="ray")),
        ("ray:auto", ExecutorChoice(kind="ray", address="auto")),
        ("ray:ray://head:10001", ExecutorChoice(kind="ray", address="ray://head:10001")),
        ("slurm", ExecutorChoice(kind="slurm")),
        ("slurm:partition=gpu,time=60", ExecutorChoice(kind="slurm", options={"partition": "gpu", "time": "60"})),
    ],
)
def test_names_of_executors_are_read(text: str, expected: ExecutorChoice) -> None:
    assert parse_executor(text) == expected


@pytest.mark.parametrize("text", ["local", "local:0", "local:two", "k8s", "", "slurm:gpu", "slurm:a=1,b"])
def test_another_name_is_an_error_that_lists_the_forms(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"must be local:N \(N processes of this machine\), ray, ray:ADDRESS, slurm or"
    ):
        parse_executor(text)


def test_workers_of_this_machine_share_its_cores_unless_the_recipe_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("helixnas.jobs.choice.num_cores", lambda: 7)
    assert [parse_executor(f"local:{n}").threads(0) for n in (1, 2, 3, 20)] == [7, 3, 2, 1]
    assert parse_executor("local:2").threads(5) == 5
    assert parse_executor("ray").threads(4) == 4
    with pytest.raises(ConfigError, match=r"--executor slurm needs to know the CPU cores of a job"):
        parse_executor("slurm").threads(0)


@pytest.mark.parametrize(("name", "cluster"), [("slurm:time=9", "slurm"), ("slurm:cluster=local,time=9", "local")])
def test_a_cluster_is_no_option_of_sbatch(
    name: str, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict[str, object]()
    monkeypatch.setattr("helixnas.jobs.slurm.Slurm", lambda folder, **how: given.update(how) or Local(1))
    parse_executor(name).open(tmp_path, num_cpus=3, wants_gpu=False).close()
    assert given == {"num_cpus": 3, "options": {"time": "9"}, "cluster": cluster}


def test_this_machine_has_cores() -> None:
    assert num_cores() >= 1


def test_the_executor_of_this_machine_is_opened(tmp_path: Path) -> None:
    opened = parse_executor("local:1").open(tmp_path, num_cpus=1, wants_gpu=False)
    assert isinstance(opened, Local)
    opened.close()


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_executor_that_is_not_installed_says_how_to_install_it(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"--executor {name} needs .*: pip install 'helixnas\[{name}\]'"):
        parse_executor(name).open(tmp_path, num_cpus=1, wants_gpu=False)
