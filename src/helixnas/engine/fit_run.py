"""Running the training of a classifier: resumable, with its loss by step and its accuracy by epoch."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from helixnas.engine.batches import LabelledImages
from helixnas.engine.evaluation import Evaluation, evaluate, right_by_image
from helixnas.engine.fit import Fit, FitRecord
from helixnas.engine.history import History
from helixnas.engine.job import run_job
from helixnas.engine.progress import Reporter
from helixnas.engine.timing import Stopwatch


class Curves:
    """Losses by step, and accuracies on the `watched` images by epoch; kept in checkpoints."""

    def __init__(self, watched: LabelledImages | None = None) -> None:
        self.losses = History()
        self.accuracies: list[float] = []
        self.watched = watched

    def state(self) -> dict[str, Any]:
        """Return the curves so far."""
        return {**self.losses.state(), "accuracies": list(self.accuracies)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.losses.restore(state)
        self.accuracies = list(state.get("accuracies", ()))


def run_fit(
    job: Fit,
    *,
    reporter: Reporter,
    checkpoint: Path,
    key: str,
    curves: Curves,
    stage: str,
    title: str,
    watch: Stopwatch | None = None,
) -> None:
    """Run a training to its end, from its checkpoint if there is one; see `run_job` for the arguments.

    Logged values are named ``STAGE/...``, and `title` is that of the progress bar.
    """
    with reporter.progress(title, job.num_steps) as advance:

        def log(record: FitRecord) -> None:
            curves.losses.add(record.step, {"loss": record.loss})
            reporter.scalars({f"{stage}/loss": record.loss, f"{stage}/lr": record.lr}, record.step)
            advance(record.step, f"epoch {record.epoch + 1}/{job.config.num_epochs}, loss {record.loss:.3f}")
            if curves.watched is not None and record.step % job.steps_per_epoch == 0:
                curves.accuracies.append(_evaluate(job, job.model, curves.watched).accuracy)
                reporter.scalars({f"{stage}/accuracy": curves.accuracies[-1]}, record.step)

        run_job(
            job,
            checkpoint=checkpoint,
            key=key,
            device=job.runtime.device,
            log=log,
            history=curves.state,
            resume=curves.restore,
            watch=watch,
            parallel=job.parallel,
        )


def final_figures(job: Fit, images: LabelledImages | None) -> tuple[nn.Module, dict[str, Any]]:
    """Return the trained model (the average of the weights, if one is kept) and its figures, measured on any `images`.

    With an average, the figures include accuracy and loss of the raw weights.
    """
    model = job.model if job.average is None else job.average.module
    found: dict[str, Any] = {"params": sum(parameter.numel() for parameter in model.parameters())}
    if images is not None:
        found |= asdict(_evaluate(job, model, images))
        if job.average is not None:
            raw = _evaluate(job, job.model, images)
            found |= {"raw_accuracy": raw.accuracy, "raw_loss": raw.loss}
    return model, {**found, "epochs": job.config.num_epochs}


def final_answers(job: Fit, images: LabelledImages) -> npt.NDArray[np.bool_]:
    """Return for every image, in order, whether the trained model (the average of the weights, if one is kept) is right."""
    model = job.model if job.average is None else job.average.module
    size = min(job.config.microbatch_size or job.config.batch_size, len(images))
    return right_by_image(model, images, batch_size=size, runtime=job.runtime, normalize=job.normalize)


def _evaluate(job: Fit, model: nn.Module, images: LabelledImages) -> Evaluation:
    size = min(job.config.microbatch_size or job.config.batch_size, len(images))
    return evaluate(model, images, batch_size=size, runtime=job.runtime, normalize=job.normalize)
