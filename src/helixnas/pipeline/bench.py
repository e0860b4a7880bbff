"""Building a benchmark: random networks of a space, each trained from scratch with a recipe's retrain settings.

The file is whole after every training, so what is there can be ranked while the rest is trained. An interruption loses
nothing: a training goes on inside from its checkpoint, and the file says which networks are done.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from helixnas.artifacts.files import remove_folder
from helixnas.costs import cost_table
from helixnas.data import ImageSet
from helixnas.engine import Fit, FitRecord, Runtime
from helixnas.errors import DataError
from helixnas.lab import Benchmark, load_benchmark, save_benchmark
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.bench_plan import BenchmarkPlan
from helixnas.pipeline.drive import discard, drive
from helixnas.pipeline.reporting import Advance, Reporter
from helixnas.pipeline.retraining import check_images, training_images
from helixnas.pipeline.session import Session
from helixnas.pipeline.training import final_figures
from helixnas.retrain import build_model
from helixnas.space import Architecture
from helixnas.teacher import normalization_of

LISTED = ("macs", "params")
"""The costs that the file lists."""


def build_benchmark(plan: BenchmarkPlan, reporter: Reporter) -> Benchmark:
    """Train what is not trained yet, write the file after every training, and return the benchmark.

    Raises:
        ConfigError: the file holds a benchmark that was made with other settings.
        DataError: the images have no labels.
        ArtifactError: another process is at work on the same file.
        Interrupted: asked to stop; what is done is saved.
    """
    if not plan.left(plan.trained()):
        reporter.say(f"{plan.out}: done already")
        return load_benchmark(plan.out)
    with plan.work.locked():
        trained = plan.trained()  # what another process has done until it left
        left, total = plan.left(trained), len(plan.architectures) * plan.num_trainings
        builder = _Builder(plan, Session(plan.recipe, plan.work, reporter))
        with reporter.progress("training networks", total * builder.num_steps) as advance:
            for number, training in left:
                architecture = plan.architectures[number]
                done = total - len(plan.left(trained))
                accuracy = builder.train(number, training, advance=_counted(advance, done, total, builder.num_steps))
                trained[architecture] = (*trained.get(architecture, ()), accuracy)
                save_benchmark(builder.benchmark(trained), plan.out)
                discard(builder.checkpoint(number, training))
    remove_folder(plan.work.path)
    benchmark = load_benchmark(plan.out)
    accuracies = 100 * benchmark.mean_accuracy
    reporter.say(
        f"{plan.out}: {len(benchmark):,} networks, accuracy {accuracies.min():.2f} to {accuracies.max():.2f} %"
    )
    return benchmark


class _Builder:
    """Trains the networks of a plan, one at a time, and puts their accuracies together."""

    def __init__(self, plan: BenchmarkPlan, session: Session) -> None:
        self.plan = plan
        self.session = session
        self.key = plan.key()
        self.mean, self.std = normalization_of(plan.recipe.teacher)
        self.evaluation = _evaluation_of(session)
        self.images = training_images(session, plan.training)
        fit = plan.training.fit
        self.num_steps = self.images.num_batches(fit.batch_size, drop_last=True) * fit.num_epochs
        self.costs = cost_table(plan.space, image_size=session.image_size, num_classes=session.num_classes)

    def checkpoint(self, number: int, training: int) -> Path:
        """Return where the unfinished training of a network is kept."""
        return self.plan.work.checkpoint(f"network-{number + 1}-training-{training + 1}")

    def train(self, number: int, training: int, *, advance: Advance) -> float:
        """Return the accuracy of one training, which goes on from its checkpoint where there is one."""
        architecture, config, seed = (
            self.plan.architectures[number],
            self.plan.training,
            self.plan.recipe.seed + training,
        )
        runtime = Runtime(self.plan.recipe.runtime)  # a loss scale is that of one training
        model = runtime.place(
            build_model(
                architecture,
                num_classes=self.session.num_classes,
                image_size=self.session.image_size,
                mean=self.mean,
                std=self.std,
                config=config,
                seed=seed,
            )
        )
        normalize = _Normalization(self.mean, self.std).to(runtime.device)
        job = Fit(
            model,
            self.images,
            config=config.fit,
            runtime=runtime,
            normalize=normalize,
            seed=seed,
            title=f"network {number + 1}, {architecture.text},",
        )

        def log(record: FitRecord) -> None:
            advance(record.step, f"epoch {record.epoch + 1}/{config.fit.num_epochs}, loss {record.loss:.3f}")

        checkpoint, key = self.checkpoint(number, training), f"{self.key} {architecture.text} {training}"
        drive(job, checkpoint=checkpoint, key=key, device=runtime.device, log=log)
        return float(final_figures(job, self.evaluation)[1]["accuracy"])

    def benchmark(self, trained: Mapping[Architecture, Sequence[float]]) -> Benchmark:
        """Return what is trained so far, in the order in which networks were drawn."""
        drawn = [architecture for architecture in self.plan.architectures if architecture in trained]
        others = [architecture for architecture in trained if architecture not in set(drawn)]
        return Benchmark(
            name=self.plan.out.stem,
            space=self.plan.space,
            networks=tuple(
                TrainedNetwork(
                    architecture=architecture,
                    accuracy=tuple(trained[architecture]),
                    costs={name: self.costs.of(architecture)[name] for name in LISTED},
                )
                for architecture in (*drawn, *others)
            ),
            facts={
                "recipe": self.plan.recipe.name,
                "num_images": len(self.evaluation),
                "settings": self.plan.settings(),
            },
        )


class _Normalization(nn.Module):
    """Turns images in [0, 1] into what the teacher of the recipe, and so a retrained network, expects."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


def _evaluation_of(session: Session) -> ImageSet:
    """Return the labelled images that tell accuracies; raises `DataError` where there are none."""
    check_images(session)
    if session.data.evaluation is None:
        raise DataError("building a benchmark needs labelled images apart from the training images")
    return session.data.evaluation


def _counted(advance: Advance, before: int, trainings: int, num_steps: int) -> Advance:
    """Return the progress of one training as that of all `trainings`, of which `before` are done."""

    def step(done: int, note: str = "", *, total: int | None = None) -> None:
        advance(before * num_steps + done, f"training {before + 1} of {trainings}, {note}")

    return step
