"""The throughput of a finished run: multiply-adds per second of its stages, to estimate other runs on the same device."""

from collections.abc import Callable
from platform import node

from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError
from helixnas.pipeline.estimate import forward_macs, sketch
from helixnas.pipeline.hardware.measured import KIND_OF, MeasuredThroughput
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes


def throughput_of(recipe: Recipe, folder: RunFolder, *, device: str = "") -> MeasuredThroughput:
    """Return the multiply-adds per second by kind of work, from the seconds of the finished stages of a run.

    Stages that other processes did in part are left out: their seconds are not those of one device. Save the result with
    `MeasuredThroughput.save` as a file for ``--hardware``. The `device` is this machine if it is not named.

    Raises `ArtifactError` if no stage was timed in this way.
    """
    record = folder.load_record()
    macs = forward_macs(sketch(recipe), recipe)
    done, taken = dict[str, float](), dict[str, float]()
    for one in plan(recipe.to_dict(), record.contents):
        finished = record.stages.get(one.name)
        estimate: Callable[[Recipe, ForwardTimes], float] | None = one.stage.seconds
        if estimate is None or finished is None or finished.core_seconds is None or finished.key != one.key:
            continue
        kind, work = KIND_OF[one.stage.name], estimate(recipe, macs)
        if work > 0 and finished.seconds > 0:
            done[kind] = done.get(kind, 0.0) + work
            taken[kind] = taken.get(kind, 0.0) + finished.seconds
    if not done:
        raise ArtifactError(
            f"{folder.path} has no finished stage that was timed in one process, or expected_images is not set in its recipe; "
            "finish at least its distillation without --executor"
        )
    return MeasuredThroughput(
        device=device or f"the device of {folder.path}, on {node() or 'this machine'}",
        macs_per_second={kind: done[kind] / taken[kind] for kind in done},
        conditions=f"stages of {folder.path}, recipe {recipe.name}, {recipe.runtime.precision}",
    )
