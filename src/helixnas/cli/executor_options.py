"""The options --executor and --by: where the jobs of a run are done, and how large they are."""

from argparse import Namespace
from typing import TYPE_CHECKING

from helixnas.cli.command import Parser
from helixnas.engine.distributed.launch import is_started_together
from helixnas.errors import ConfigError

if TYPE_CHECKING:
    from helixnas.pipeline.spread import Spread


def add_executor_options(parser: Parser, *, what: str = "distill, rate and calibrate", sizes: bool = True) -> None:
    """Add the options; `what` is done in jobs."""
    help = f"{what} in jobs on other workers: local:N processes, ray[:ADDRESS], slurm[:OPTION=VALUE,...]"
    parser.option("--executor", metavar="WHERE", help=help)
    if sizes:
        by = "size of a job: a block, a cell, or the paths of a cell that begin with one operation (rate only)"
        parser.option("--by", metavar="SIZE", choices=("block", "cell", "prefix"), help=f"{by}; block if not given")


def spread_of(options: Namespace) -> "Spread | None":
    """Return where and how to spread a run, None if it stays in this process; raises `ConfigError` for an unknown executor."""
    executor, size = getattr(options, "executor", None), getattr(options, "by", None)
    if executor is None:
        if size is not None:
            raise ConfigError("--by is the size of a job, so it needs --executor, for example --executor local:2")
        return None
    if is_started_together():
        raise ConfigError(
            "--executor starts workers of its own, so the command must not be started by torchrun or the like"
        )
    from helixnas.jobs.choice import parse_executor
    from helixnas.pipeline.spread import Spread

    return Spread(parse_executor(executor), size or "block")
