"""Training a baseline and rating a benchmark's networks with it; `helixnas rank` shows it beside the run.

It needs only the settings of the run, neither teacher nor supernet, so it can be trained before them.
"""

import torch

from helixnas.artifacts.baseline import Baseline
from helixnas.artifacts.files import remove
from helixnas.engine import Fit, evaluate
from helixnas.engine.job import run_job
from helixnas.engine.progress import Reporter
from helixnas.experiments.baseline_plan import BaselinePlan
from helixnas.lab.baselines import BaselineRecord, SharedWeights, ShortTrainings, Untrained, shared_weights
from helixnas.nn import Normalization
from helixnas.pipeline.batch_norm import check_networks
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import changes
from helixnas.pipeline.work.network_training import NetworkTrainer
from helixnas.pipeline.work.proxies import proxy_images, untrained
from helixnas.proxies import Proxies, ProxiesConfig
from helixnas.retrain import RetrainConfig
from helixnas.teacher import normalization_of


def train_baseline(plan: BaselinePlan, reporter: Reporter) -> Baseline:
    """Train or resume a baseline and return its ratings; the file is written after every evaluation.

    Raises:
        DataError: the images have no labels.
        ConfigError: the settings do not fit the images.
        ArtifactError: another process is at work on the same baseline.
        Interrupted: asked to stop; finished work is saved.
    """
    found = Baseline.load(plan.file) if plan.file.is_file() else None
    is_same = found is not None and found.key == plan.key()
    if found is not None and is_same and len(found.points) == plan.config.num_expected:
        reporter.say(f"{plan.file}: done already")
        return found
    if plan.config.batch_size == 1:
        check_networks(plan.recipe, "--batch-size")
    with plan.folder.locked(f"-{plan.job}"):
        if found is not None and not is_same:
            reasons = list(changes("", found.settings, plan.settings()))[:3]
            reporter.say(f"{plan.file} is replaced: {'; '.join(reasons) or 'its networks or its space changed'}")
        context = Context(plan.recipe, plan.folder, reporter)
        job = _job(plan, context)
        checkpoint, written = plan.folder.checkpoint(plan.job), 0
        with reporter.progress(plan.job.replace("-", " "), job.num_steps) as advance:

            def log(record: BaselineRecord) -> None:
                nonlocal written
                advance(record.done, record.note)
                points = job.points
                if len(points) > written:
                    _baseline(plan, job, context.runtime.device).save(plan.file)
                    written = len(points)

            run_job(job, checkpoint=checkpoint, key=plan.key(), device=context.runtime.device, log=log)
        baseline = _baseline(plan, job, context.runtime.device)
        baseline.save(plan.file)
        remove(checkpoint)
    last = baseline.points[-1]
    reporter.say(
        f"{plan.file}: {len(baseline.networks):,} networks rated at {len(baseline.points)} points, "
        f"{last.images_seen:,} images seen in {last.core_seconds:,.0f} core-seconds"
    )
    return baseline


def _job(plan: BaselinePlan, context: Context) -> SharedWeights | ShortTrainings | Untrained:
    if plan.config.is_untrained:
        return _untrained(plan, context)
    for images in (context.data.train, context.data.rating):
        images.require_labels(f"the baseline {plan.config.method}")
    return _short_trainings(plan, context) if plan.config.method == "mnasnet" else _shared_weights(plan, context)


def _untrained(plan: BaselinePlan, context: Context) -> Untrained:
    config = plan.config
    proxies = ProxiesConfig(scores=(config.method,), num_seeds=config.num_seeds, batch_size=config.batch_size)
    batches = proxy_images(context, proxies, seed=plan.seed)
    return Untrained(Proxies(plan.architectures, proxies.scores, untrained(context, seed=plan.seed), batches))


def _shared_weights(plan: BaselinePlan, context: Context) -> SharedWeights:
    data, runtime = context.data, context.runtime
    return shared_weights(
        plan.space,
        plan.architectures,
        config=plan.config,
        train=data.train,
        rating=data.rating,
        rating_batch_size=plan.recipe.rating.batch_size,
        runtime=runtime,
        normalize=Normalization(*normalization_of(plan.recipe.built_teacher)).to(runtime.device),
        seed=plan.seed,
    )


def _short_trainings(plan: BaselinePlan, context: Context) -> ShortTrainings:
    trainer = NetworkTrainer(context, RetrainConfig(fit=plan.config.fit()))

    def begin(number: int) -> Fit:
        architecture = plan.architectures[number]
        return trainer.begin(architecture, seed=plan.seed, title=f"network {number + 1}, {architecture.text},")

    def rate(job: Fit) -> dict[str, float]:
        found = evaluate(
            job.model,
            context.data.rating,
            batch_size=plan.recipe.rating.batch_size,
            runtime=job.runtime,
            normalize=job.normalize,
        )
        return {"accuracy": found.accuracy, "loss": found.loss}

    return ShortTrainings(begin, rate, number=len(plan.architectures), num_points=plan.config.num_points)


def _baseline(plan: BaselinePlan, job: SharedWeights | ShortTrainings | Untrained, device: torch.device) -> Baseline:
    return Baseline(
        method=plan.config.method,
        seed=plan.seed,
        benchmark=plan.benchmark.name,
        device=device.type,
        key=plan.key(),
        settings=plan.settings(),
        networks=tuple(architecture.text for architecture in plan.architectures),
        points=tuple(job.points),
    )
