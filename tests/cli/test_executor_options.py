"""The options --executor and --by."""

from argparse import Namespace

import pytest

from helixnas.cli.executor_options import spread_of
from helixnas.errors import ConfigError
from helixnas.jobs.choice import ExecutorChoice
from helixnas.pipeline.spread import Spread


def test_without_an_executor_the_run_stays_in_this_process() -> None:
    assert spread_of(Namespace()) is None
    assert spread_of(Namespace(executor=None, by=None)) is None


def test_an_executor_has_jobs_of_blocks_unless_another_size_is_given() -> None:
    local = ExecutorChoice(kind="local", num_workers=2)
    assert spread_of(Namespace(executor="local:2", by=None)) == Spread(local, "block")
    assert spread_of(Namespace(executor="local:2", by="prefix")) == Spread(local, "prefix")


def test_a_size_without_an_executor_is_refused() -> None:
    with pytest.raises(ConfigError, match="--by is the size of a job, so it needs --executor, for example"):
        spread_of(Namespace(executor=None, by="cell"))


def test_processes_that_train_together_start_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigError, match="the command must not be started by torchrun"):
        spread_of(Namespace(executor="local:2", by=None))
