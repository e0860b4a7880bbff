"""Training networks of a space, and other classifiers, from scratch, all with the images and settings of a recipe."""

from pathlib import Path

from torch import nn

from helixnas.engine import Fit, FitRecord, Runtime
from helixnas.engine.job import run_job
from helixnas.engine.progress import Advance
from helixnas.engine.timing import Stopwatch
from helixnas.nn import Normalization
from helixnas.pipeline.context import Context
from helixnas.pipeline.work.retrain import take_weights, training_images
from helixnas.retrain import RetrainConfig, build_model
from helixnas.space import Architecture
from helixnas.teacher import normalization_of
from helixnas.zoo import HelixNet


class NetworkTrainer:
    """Starts the training of networks, all with the same settings."""

    def __init__(self, context: Context, config: RetrainConfig) -> None:
        self.context = context
        self.config = config
        self.mean, self.std = normalization_of(context.recipe.built_teacher)
        self.images = training_images(context, config)
        self.num_steps = self.images.num_batches(config.fit.batch_size, drop_last=True) * config.fit.num_epochs

    def begin(self, architecture: Architecture, *, seed: int, title: str) -> Fit:
        """Return the training of an architecture at its first step, from random or inherited weights."""
        model = build_model(
            architecture,
            num_classes=self.context.num_classes,
            image_size=self.context.image_size,
            mean=self.mean,
            std=self.std,
            config=self.config,
            seed=seed,
        )
        if self.config.init == "inherited":
            assert isinstance(model, HelixNet), "searched networks are"
            take_weights(self.context, self.context.runtime.place(model))
        return self.start(model, seed=seed, title=title)

    def start(self, model: nn.Module, *, seed: int, title: str) -> Fit:
        """Return the training of any classifier of such images at its first step."""
        runtime = Runtime(self.context.recipe.runtime)  # fresh, because the loss scale belongs to one training
        return Fit(
            runtime.place(model),
            self.images,
            config=self.config.fit,
            runtime=runtime,
            normalize=Normalization(self.mean, self.std).to(runtime.device),
            seed=seed,
            title=title,
        )

    def finish(self, job: Fit, *, checkpoint: Path, key: str, advance: Advance, watch: Stopwatch | None = None) -> None:
        """Train to the end, from the checkpoint if it has this key; `advance` is told every step, `watch` takes the time.

        Raises `Interrupted` if asked to stop; the state is saved.
        """
        num_epochs = self.config.fit.num_epochs

        def log(record: FitRecord) -> None:
            advance(record.step, f"epoch {record.epoch + 1}/{num_epochs}, loss {record.loss:.3f}")

        run_job(job, checkpoint=checkpoint, key=key, device=job.runtime.device, log=log, watch=watch)


def counted(advance: Advance, before: int, trainings: int, num_steps: int) -> Advance:
    """Show the progress of one training as that of all `trainings`, of which `before` are done."""

    def step(done: int, note: str = "", *, total: int | None = None) -> None:
        advance(before * num_steps + done, f"training {before + 1} of {trainings}, {note}")

    return step
