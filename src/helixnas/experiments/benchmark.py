"""Building a benchmark: random networks of a space, each trained from scratch with a recipe's retrain settings.

The file is complete after every training, so it can be used while the rest is trained. An interrupted training resumes
from its checkpoint, and the file says which networks are done.
"""

import contextlib
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from helixnas.artifacts.agreement import agreement
from helixnas.artifacts.files import read_json, remove, write_json
from helixnas.costs import cost_table
from helixnas.engine.fit_run import final_figures
from helixnas.engine.progress import Advance, Reporter
from helixnas.errors import DataError, HelixError, UnknownNameError
from helixnas.experiments.benchmark_plan import BenchmarkPlan
from helixnas.jobs.control import Job
from helixnas.jobs.lease import leased
from helixnas.lab import Benchmark, load_benchmark, save_benchmark
from helixnas.lab.subsets import LEAST
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.batch_norm import check_batch_norm
from helixnas.pipeline.context import Context
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.work.network_training import NetworkTrainer, counted
from helixnas.pipeline.work.retrain import check_images
from helixnas.report.elements.wording import figure_text
from helixnas.space import Architecture


def build_benchmark(
    plan: BenchmarkPlan, reporter: Reporter, *, spread: Spread | None = None, words: Sequence[str] = ()
) -> Benchmark:
    """Train the networks that are left, write the file after every training, and return the benchmark.

    With a `spread`, each training is a job on another worker; `words` are then those of the command that builds this benchmark.

    Raises:
        JobError: trainings failed on other workers; the others are in the file.
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
        if spread is not None:
            _train_on_workers(builder, trained, spread, [*words, "--job"])
            left = []
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


def train_network(plan: BenchmarkPlan, name: str, reporter: Reporter) -> None:
    """Do one training as a job, unless it is done, and keep its accuracy for the command that asked for it.

    Raises:
        UnknownNameError: no training has this name.
        ArtifactError: another worker is at work on it.
        Interrupted: asked to stop; its state is saved.
    """
    names = {training_name(*one): one for one in plan.left({})}
    if name not in names:
        raise UnknownNameError("job", name, names)
    number, training = names[name]
    with leased(plan.work, name):
        builder = _Builder(plan, Context(plan.recipe, plan.work, reporter))
        if builder.accuracy(number, training) is None:
            with reporter.progress("training networks", builder.num_steps) as advance:
                accuracy = builder.train(number, training, advance=counted(advance, 0, 1, builder.num_steps))
            write_json(builder.result(number, training), {"key": builder.key, "accuracy": accuracy})
        remove(builder.checkpoint(number, training))
    reporter.say(f"{name}: done")


def _train_on_workers(
    builder: "_Builder", trained: dict[Architecture, tuple[float, ...]], spread: Spread, words: Sequence[str]
) -> None:
    """Do the trainings that are left in jobs, and write the file whenever one is done."""
    plan, reporter = builder.plan, builder.context.reporter

    def collect(*_: Job) -> None:
        for number, training in plan.left(trained):
            architecture, accuracy = plan.architectures[number], builder.accuracy(number, training)
            if accuracy is not None and len(trained.get(architecture, ())) == training:  # the second after the first
                trained[architecture] = (*trained.get(architecture, ()), accuracy)
                save_benchmark(builder.benchmark(trained), plan.out)

    collect()
    jobs = [
        spread.job(
            training_name(*one),
            [*words, training_name(*one)],
            plan.recipe,
            plan.work,
            is_done=lambda one=one: builder.accuracy(*one) is not None,
        )
        for one in plan.left(trained)
    ]
    spread.run_jobs(jobs, plan.recipe, plan.work, reporter, finished=collect)


def training_name(number: int, training: int) -> str:
    """Return the name of a training of a network, both counted from 0, in jobs and checkpoints.

    >>> training_name(0, 1)
    'network-1-training-2'
    """
    return f"network-{number + 1}-training-{training + 1}"


@contextlib.contextmanager
def _leaving_nothing_empty(plan: BenchmarkPlan) -> Generator[None]:
    """Remove the folder of unfinished trainings after an error if it holds none."""
    try:
        yield
    except HelixError:
        if not any(plan.work.path.glob("checkpoints/*")) and not plan.work.jobs.exists():
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
        return self.plan.work.checkpoint(training_name(number, training))

    def result(self, number: int, training: int) -> Path:
        """Return the file of the accuracy that a job found."""
        return self.plan.work.jobs / "accuracies" / f"{training_name(number, training)}.json"

    def accuracy(self, number: int, training: int) -> float | None:
        """Return the accuracy that a job found with these settings, None if there is none."""
        file = self.result(number, training)
        found = read_json(file) if file.is_file() else {}
        return float(found["accuracy"]) if found.get("key") == self.key else None

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
