"""Building a benchmark: random networks of a space, each trained from scratch with a recipe's retrain settings.

The file is complete after every training, so it can be used while the rest is trained. An interrupted training resumes
from its checkpoint, and the file says which networks are done.
"""

import contextlib
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from helixnas.artifacts.agreement import agreement
from helixnas.artifacts.files import remove
from helixnas.costs import cost_table
from helixnas.engine.fit_run import final_figures
from helixnas.engine.progress import Advance, Reporter
from helixnas.errors import DataError, HelixError
from helixnas.experiments.benchmark_plan import BenchmarkPlan
from helixnas.lab import Benchmark, load_benchmark, save_benchmark
from helixnas.lab.subsets import LEAST
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.batch_norm import check_batch_norm
from helixnas.pipeline.context import Context
from helixnas.pipeline.work.network_training import NetworkTrainer, counted
from helixnas.pipeline.work.retrain import check_images
from helixnas.report.elements.wording import figure_text
from helixnas.space import Architecture


def build_benchmark(plan: BenchmarkPlan, reporter: Reporter) -> Benchmark:
    """Train the networks that are left, write the file after every training, and return the benchmark.

    Raises:
        ConfigError: the file holds a benchmark that was made with other settings.
        DataError: the images have no labels.
        ArtifactError: another process is at work on the same file.
        Interrupted: asked to stop; finished work is saved.
    """
    if not plan.left(plan.trained()):
        reporter.say(f"{plan.out}: done already")
        return load_benchmark(plan.out)
    check_batch_norm(plan.recipe, ("retrain",))
    with plan.work.locked(), _leaving_nothing_empty(plan):
        trained = plan.trained()  # another process may have trained more before it released the lock
        left, total = plan.left(trained), len(plan.architectures) * plan.num_trainings
        builder = _Builder(plan, Context(plan.recipe, plan.work, reporter))
        with reporter.progress("training networks", total * builder.num_steps) as advance:
            for number, training in left:
                architecture = plan.architectures[number]
                done = total - len(plan.left(trained))
                accuracy = builder.train(number, training, advance=counted(advance, done, total, builder.num_steps))
                trained[architecture] = (*trained.get(architecture, ()), accuracy)
                save_benchmark(builder.benchmark(trained), plan.out)
                remove(builder.checkpoint(number, training))
    remove(plan.work.path)
    benchmark = load_benchmark(plan.out)
    accuracies = 100 * benchmark.mean_accuracy
    reporter.say(
        f"{plan.out}: {len(benchmark):,} networks, accuracy {accuracies.min():.2f} to {accuracies.max():.2f} %"
    )
    if benchmark.num_trainings > 1 and len(benchmark) >= LEAST:
        reporter.say(repeatability(benchmark))
    return benchmark


@contextlib.contextmanager
def _leaving_nothing_empty(plan: BenchmarkPlan) -> Generator[None]:
    """Remove the folder of unfinished trainings after an error if it holds none."""
    try:
        yield
    except HelixError:
        if not any(plan.work.path.glob("checkpoints/*")):
            remove(plan.work.path)
        raise


def repeatability(benchmark: Benchmark) -> str:
    """Return in words how well two trainings agree in their ranking, with advice if they do not."""
    first, second, *_ = benchmark.trainings.T
    found = agreement(first, second)
    text = f"one training against another: Kendall tau {figure_text(found.kendall, found.kendall_interval)}"
    if found.kendall_interval[0] > 0:
        return text
    return (
        f"{text}: this may be noise, so the benchmark cannot judge a ranking yet; train longer or on more images, "
        "evaluate on more of them, or draw more networks"
    )


class _Builder:
    """Trains the networks of a plan one by one and collects their accuracies."""

    def __init__(self, plan: BenchmarkPlan, context: Context) -> None:
        self.plan = plan
        self.context = context
        self.key = plan.key()
        check_images(context)
        if context.data.evaluation is None:
            raise DataError("building a benchmark needs labelled images besides the training images")
        self.evaluation = context.data.evaluation
        self.trainer = NetworkTrainer(context, plan.recipe.retraining)
        self.num_steps = self.trainer.num_steps
        self.costs = cost_table(plan.space, image_size=context.image_size, num_classes=context.num_classes)

    def checkpoint(self, number: int, training: int) -> Path:
        """Return the checkpoint of an unfinished training."""
        return self.plan.work.checkpoint(f"network-{number + 1}-training-{training + 1}")

    def train(self, number: int, training: int, *, advance: Advance) -> float:
        """Train a network, from its checkpoint if there is one, and return its accuracy."""
        architecture = self.plan.architectures[number]
        title, seed = f"network {number + 1}, {architecture.text},", self.plan.recipe.seed + training
        job = self.trainer.begin(architecture, seed=seed, title=title)
        checkpoint, key = self.checkpoint(number, training), f"{self.key} {architecture.text} {training}"
        self.trainer.finish(job, checkpoint=checkpoint, key=key, advance=advance)
        return float(final_figures(job, self.evaluation)[1]["accuracy"])

    def benchmark(self, trained: Mapping[Architecture, Sequence[float]]) -> Benchmark:
        """Return the networks trained so far, in the order in which they were drawn."""
        recipe = self.plan.recipe
        drawn = [architecture for architecture in self.plan.architectures if architecture in trained]
        others = [architecture for architecture in trained if architecture not in set(drawn)]
        return Benchmark(
            name=self.plan.out.stem,
            space=self.plan.space,
            networks=tuple(
                TrainedNetwork(
                    architecture=architecture,
                    accuracy=tuple(trained[architecture]),
                    costs={name: self.costs.of(architecture)[name] for name in ("macs", "params")},
                )
                for architecture in (*drawn, *others)
            ),
            facts={"recipe": recipe.name, "num_images": len(self.evaluation), "settings": self.plan.settings()},
        )
