"""Comparing the winner of a search with other networks of its size: timm models and random networks, trained alike.

The file is complete after every training. An interrupted training resumes from its checkpoint. A network whose own settings
have not changed is not trained again.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import nn

from helixnas.artifacts.files import remove
from helixnas.artifacts.peers.answers import from_text, to_text
from helixnas.artifacts.peers.record import Peer, PeerComparison
from helixnas.costs.config import CostsConfig
from helixnas.costs.timing import Timing, Workload
from helixnas.engine import Fit, Runtime
from helixnas.engine.fit_run import final_answers
from helixnas.engine.progress import Advance, Reporter
from helixnas.engine.timing import Stopwatch, duration
from helixnas.errors import DataError, number_of
from helixnas.experiments.comparison_intervals import Answers, accuracy_of, difference_of, training_spread
from helixnas.experiments.comparison_plan import Candidate, ComparisonPlan
from helixnas.nn import build_seeded
from helixnas.pipeline.batch_norm import check_batch_norm
from helixnas.pipeline.context import Context, image_size
from helixnas.pipeline.estimate import seconds_per_image
from helixnas.pipeline.plan import changes
from helixnas.pipeline.stages.wording import fit_seconds, fit_text
from helixnas.pipeline.work.network_training import NetworkTrainer, counted
from helixnas.pipeline.work.retrain import check_images
from helixnas.report import build_report
from helixnas.zoo import HelixNet

CONDITIONS = ("latency", "batch_size", "num_threads", "num_rounds")
"""Settings of `CostsConfig` that a latency of whole networks depends on."""


ORDER = {"winner": 0, "teacher": 1, "model": 1, "random": 2}
"""Order of the kinds of networks in the file."""


def compare_networks(plan: ComparisonPlan, reporter: Reporter) -> PeerComparison:
    """Train the networks that are left, write the file after every training, and return the comparison.

    Raises:
        DataError: the images have no labels.
        ConfigError: a network cannot be built, or the settings do not fit the images.
        ArtifactError: another process is at work on the same comparison.
        Interrupted: asked to stop; finished work is saved.
    """
    check_batch_norm(plan.recipe, ("retrain",))
    if few := plan.fewer():
        reporter.say(few)
    with plan.folder.locked(f"-{plan.job}"):
        builder = _Builder(plan, reporter)
        if builder.num_left:
            builder.train()
        elif builder.comparison == builder.earlier:
            reporter.say(f"{plan.file}: done already")
            return builder.comparison
        builder.save()
        reporter.say(f"report: {build_report(plan.folder.path)}")
    return builder.comparison


def forward_seconds(plan: ComparisonPlan) -> list[float]:
    """Measure on this machine the seconds of a forward pass of one image, per network."""
    runtime, size = Runtime(plan.recipe.runtime), image_size(plan.recipe)
    return [seconds_per_image(network(plan, one), size, one.macs, runtime) for one in plan.candidates]


def seconds_left(plan: ComparisonPlan, peers: Mapping[str, Peer], times: Sequence[float], images: int) -> float:
    """Return the estimated seconds of the trainings that are left, from those of forward passes."""
    fit = plan.recipe.retraining.fit
    return sum(fit_seconds(fit, images, times[number]) for number, _ in plan.left(peers))


def network(plan: ComparisonPlan, one: Candidate) -> nn.Module:
    """Return a network of a plan with any weights."""
    if one.architecture is not None:
        return HelixNet(one.architecture, num_classes=int(plan.costs.facts["num_classes"]))
    assert one.model is not None
    return one.model.build()


def reused(plan: ComparisonPlan, earlier: PeerComparison | None) -> tuple[dict[str, Peer], list[str]]:
    """Return by name the networks of an earlier comparison that hold, and sentences about those that do not.

    Networks that are not asked for stay, where they were trained alike for the same winner and budget.
    """
    if earlier is None:
        return {}, []
    trained, before = {each.key: each for each in earlier.peers}, {each.name: each for each in earlier.peers}
    kept, again = dict[str, Peer](), list[str]()
    for one in plan.candidates:
        if (same := trained.get(plan.key(one))) is not None:
            kept[one.name] = replace(one.peer(same.key), right=same.right, seconds=same.seconds)
        elif one.name in before and before[one.name].right:
            again.append(one.name)
    others = {name: each for name, each in before.items() if name not in {one.name for one in plan.candidates}}
    why = _reason(plan, earlier)
    if not why:
        return kept | others, [f"re-training {', '.join(again)}: not the same networks as before"] if again else []
    told = [f"re-training {', '.join(again)}: {why}"] if again else []
    return kept, [*told, *([f"removed from the comparison: {', '.join(others)}: {why}"] if others else [])]


def _reason(plan: ComparisonPlan, earlier: PeerComparison) -> str:
    """Return in words how the trainings, the winner or the budget differ from those of an earlier comparison."""
    if found := list(changes("", earlier.settings, plan.settings)):
        return "; ".join(found[:3])
    if earlier.winner != plan.winner.text:
        return f"search {plan.search} has another winner"
    if earlier.macs != plan.macs:
        return f"the budget changed from {earlier.macs:,} to {plan.macs:,} multiply-adds"
    return ""


@dataclass
class _Builder:
    """Trains the networks of a plan one by one."""

    plan: ComparisonPlan
    reporter: Reporter

    def __post_init__(self) -> None:
        plan = self.plan
        self.earlier = plan.earlier()
        self.peers, lost = reused(plan, self.earlier)
        for text in lost:
            self.reporter.say(text)
        new = {one.name: one.peer(plan.key(one)) for one in plan.candidates}
        self.peers = dict(sorted((new | self.peers).items(), key=lambda item: ORDER[item[1].kind]))
        self.num_left = len(plan.left(self.peers))
        self.num_images = self.earlier.num_images if self.earlier is not None and not self.num_left else 0
        self.latency = self._measured()

    def train(self) -> None:
        """Train what is left."""
        plan, context = self.plan, Context(self.plan.recipe, self.plan.folder, self.reporter)
        check_images(context)
        evaluation = context.data.evaluation
        if evaluation is None:
            raise DataError("a comparison needs labelled images besides the training images")
        self.num_images, trainer = len(evaluation), NetworkTrainer(context, plan.recipe.retraining)
        left, total = plan.left(self.peers), len(plan.candidates) * plan.num_trainings
        seconds = seconds_left(plan, self.peers, forward_seconds(plan), len(trainer.images))
        work = fit_text(plan.recipe.retraining.fit, len(trainer.images))
        self.reporter.say(f"{number_of(len(left), 'training')} of {work}; about {duration(seconds)} on this machine")
        self.save()
        with self.reporter.progress("training networks", total * trainer.num_steps) as advance:
            for done, (number, training) in enumerate(left, start=total - len(left)):
                one, watch = plan.candidates[number], Stopwatch()
                with watch.running():
                    shown = counted(advance, done, total, trainer.num_steps)
                    job, checkpoint = self._trained(trainer, one, training, shown)
                    right = to_text(final_answers(job, evaluation))
                peer = self.peers[one.name]
                taken = (*peer.seconds, round(watch.seconds, 3))
                self.peers[one.name] = replace(peer, right=(*peer.right, right), seconds=taken)
                self.save()
                remove(checkpoint)

    def _trained(self, trainer: NetworkTrainer, one: Candidate, training: int, advance: Advance) -> tuple[Fit, Path]:
        """Return the finished training of a network, and its checkpoint."""
        plan, config = self.plan, self.plan.recipe.retraining
        seed, title = plan.recipe.seed + training, f"{one.name}, {one.network},"
        if one.architecture is not None:
            job = trainer.begin(one.architecture, seed=seed, title=title)
        else:
            model = one.model
            assert model is not None
            drops = {"drop_rate": config.drop_rate, "drop_path_rate": config.drop_path_rate}
            others = {name: rate for name, rate in drops.items() if rate}
            job = trainer.start(build_seeded(lambda: model.build(**others), (seed,)), seed=seed, title=title)
        checkpoint = plan.folder.checkpoint(f"{plan.job}-{plan.key(one)}-{training + 1}")
        trainer.finish(job, checkpoint=checkpoint, key=f"{plan.key(one)} {training}", advance=advance)
        return job, checkpoint

    def _measured(self) -> dict[str, int | str] | None:
        """Measure the latency of all networks and return the conditions; None if that is not wanted.

        Latencies that were measured under the same conditions are taken over.
        """
        plan, earlier = self.plan, self.earlier
        if plan.latency is None:
            return None
        conditions = {name: getattr(plan.latency, name) for name in CONDITIONS}
        known = {} if earlier is None or earlier.latency != conditions else {p.key: p.latency_ns for p in earlier.peers}
        times = {one.name: known.get(plan.key(one)) for one in plan.candidates}
        if None in times.values():
            times = measure(plan, plan.latency, self.reporter)
            self.peers = {name: replace(peer, latency_ns=None) for name, peer in self.peers.items()}
        for name, taken in times.items():
            self.peers[name] = replace(self.peers[name], latency_ns=taken)
        return conditions

    @property
    def comparison(self) -> PeerComparison:
        """The networks trained so far, with their intervals."""
        plan = self.plan
        answers = {each.name: _answers(each, self.num_images) for each in self.peers.values() if each.right}
        spread, winner = training_spread(list(answers.values())), answers.get("winner")
        return PeerComparison(
            search=plan.search,
            winner=plan.winner.text,
            budget=plan.budget,
            macs=plan.macs,
            tolerance=plan.tolerance,
            num_trainings=plan.num_trainings,
            num_images=self.num_images,
            asked=tuple(one.name for one in plan.candidates),
            settings=plan.settings,
            latency=self.latency,
            peers=tuple(_with_intervals(each, answers.get(each.name), winner, spread) for each in self.peers.values()),
        )

    def save(self) -> None:
        """Write the file."""
        self.comparison.save(self.plan.file)


def measure(plan: ComparisonPlan, config: CostsConfig, reporter: Reporter) -> dict[str, int | None]:
    """Return the median nanoseconds of every network of a plan by name, all timed in the same rounds.

    Raises `ConfigError` if the runtime does not work here.
    """
    size = image_size(plan.recipe)
    shape, number = (config.batch_size, 3, size, size), range(len(plan.candidates))
    works = [Workload(name=f"{n}", build=lambda n=n: network(plan, plan.candidates[n]), shape=shape) for n in number]
    with tempfile.TemporaryDirectory(prefix="helixnas-") as folder:
        job = Timing(works, config=config, files=Path(folder))
        with reporter.progress("measuring latency", job.num_steps) as advance:
            for record in job:
                advance(record.done, record.note)
    medians = job.medians()
    return {one.name: medians[str(n)] for n, one in enumerate(plan.candidates)}


def _answers(peer: Peer, num_images: int) -> Answers:
    return np.stack([from_text(text, num_images) for text in peer.right])


def _with_intervals(peer: Peer, own: Answers | None, winner: Answers | None, spread: float) -> Peer:
    if own is None:
        return peer
    is_compared = peer.kind != "winner" and winner is not None
    return replace(
        peer,
        accuracy=accuracy_of(own, spread=spread),
        difference=difference_of(own, winner, spread=spread) if is_compared and winner is not None else None,
    )
