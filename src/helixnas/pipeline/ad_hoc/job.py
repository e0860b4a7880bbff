"""A job: one part of a stage of an existing run, done by the process that has its lease. What `helixnas work` does."""

from helixnas.artifacts.files import remove
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import Stage, during
from helixnas.jobs.lease import leased
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import find_part
from helixnas.pipeline.plan import plan, require_upstream
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import load


def do_job(recipe: Recipe, folder: RunFolder, reporter: Reporter, *, name: str) -> None:
    """Do a job unless it is done, going on from its checkpoint; the run's record is left to the command that asked for it.

    Raises:
        UnknownNameError: the run has no such job.
        ConfigError: the stage cannot be divided with the settings of the run.
        ArtifactError: an earlier stage is not finished, or another worker is at work on the job.
        Interrupted: a signal asked to stop; the state is saved.
    """
    part = find_part(recipe, name)
    planned = {one.name: one for one in plan(recipe.to_dict(), folder.load_record().contents)}
    one = planned[part.stage]
    assert one.stage.work_on_part is not None, "parts are of stages that can be divided"
    require_upstream(one, planned, folder.load_record(), folder)
    context = Context(recipe, folder, reporter)
    try:
        with (
            leased(folder, name, one.key),
            during(Stage(one.name, tuple(one.settings), folder.path)),
            context.watch.running(),
        ):
            load(one.stage.work_on_part)(context, one.key, part)
            remove(folder.checkpoint(name))
    finally:
        reporter.close()
    reporter.say(f"{name}: done ({context.watch.seconds:.1f} s)")
