"""work: one job of a run, as an executor starts it."""

from argparse import Namespace

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import open_run


def _add_work_options(parser: Parser) -> None:
    parser.run_folder()
    parser.option(
        "job", metavar="JOB", help="name of the job: distill-2, distill-2-cell-1, rate-2-cell-1-prefix-3, calibrate-7"
    )


def _work(options: Namespace, console: Console) -> None:
    from helixnas.engine.console import ConsoleReporter
    from helixnas.jobs.executor import end_with_worker
    from helixnas.pipeline.ad_hoc.job import do_job

    end_with_worker()
    recipe, folder = open_run(options.run, console)
    do_job(recipe, folder, ConsoleReporter(console, folder.tensorboard / options.job), name=options.job)


COMMANDS = (
    Command(
        name="work",
        purpose="do one job of a run; --executor starts this command on its workers",
        example="helixnas work runs/digits distill-2",
        details="A job that is done is left as it is, and one that was begun goes on from its checkpoint. The command that asked "
        "for the jobs records the finished stage.",
        add_options=_add_work_options,
        run=_work,
    ),
)
