"""The check that tells whether a generation's winner is better: a benchmark, a short training, or stitched networks."""

from dataclasses import replace

from helixnas.artifacts.lineage import Generation, Quality
from helixnas.artifacts.ranking import Ranking
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import config_key
from helixnas.artifacts.study import Ranked
from helixnas.engine.fit_run import Curves, final_figures
from helixnas.engine.timing import Stopwatch
from helixnas.generations.recipe import generations_of, size_in
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import data_settings
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.work.fitting import Ingredients, fit_classifier
from helixnas.pipeline.work.retrain import training_images
from helixnas.report.elements.intervals import wilson_interval
from helixnas.retrain import RetrainConfig, build_model
from helixnas.space import Architecture
from helixnas.teacher import Teacher, load_teacher

STAGE = "check"


def check_at_hand(recipe: Recipe, *, is_part: bool = False) -> str:
    """Return the check that compares the generations of a recipe; empty if it has none.

    A benchmark of a part of the space only (`is_part`) is not chosen unasked: a winner is seldom among a few networks, and
    another one would be judged for it.
    """
    config = generations_of(recipe)
    if config.stop.check != "auto":
        return config.stop.check
    if config.benchmark and not is_part:
        return "benchmark"
    if recipe.retrain is not None:
        return "retrained"
    return "stitching" if recipe.stitching.num_architectures >= 3 else ""


def quality_in_benchmark(ranking: Ranking, winner: str) -> Quality:
    """Return the winner's trained accuracy; if it is not in the benchmark, that of the best-scored network that is."""
    known = dict(zip(ranking.networks["architecture"], ranking.networks["accuracy"], strict=True))
    pick = ranking.budgets[-1].picks[ranking.search_score].accuracy
    return Quality(check="benchmark", value=float(known.get(winner, pick)), interval=None)


def quality_of_stitching(stitched: Ranked | None) -> Quality | None:
    """Return how well the scores of a generation rank its stitched networks; None where the check is unavailable."""
    if stitched is None:
        return None
    return Quality(check="stitching", value=stitched.kendall.value, interval=stitched.kendall.interval)


def quality_after_training(
    recipe: Recipe,
    context: Context,
    winner: Architecture,
    earlier: tuple[Generation, ...],
    *,
    first: RunFolder,
    title: str,
) -> Quality:
    """Train a winner shortly from scratch and evaluate it on the rating images, which training has not seen.

    `recipe` is that of all generations, `context` that of the generation's run, `first` the run of the first one: so that
    only winners differ, all see images of its size, normalised as its teacher does. The result of an `earlier` generation
    with the same winner is taken over; an interrupted training resumes.
    """
    own = replace(context.recipe, data=replace(context.recipe.data, image_size=size_in(recipe, 1)))
    context = Context(own, context.folder, context.reporter)
    teacher = context.runtime.place(load_teacher(first.teacher))
    retraining = context.recipe.retraining
    config = replace(retraining, fit=retraining.fit.shortened(generations_of(recipe).stop.num_epochs))
    settings = context.recipe.to_dict()
    key = config_key(
        {
            **{name: settings[name] for name in ("seed", "imports")},
            "data": data_settings(settings),
            "winner": winner.to_dict(),
            "image_size": context.image_size,
            "mean": teacher.mean.flatten().tolist(),
            "std": teacher.std.flatten().tolist(),
            "config": repr(config),
            "precision": context.runtime.precision,
        }
    )
    for one in earlier:
        if one.quality is not None and one.quality.key == key:
            return replace(one.quality, seconds=0.0, core_seconds=0.0)
    return _trained(context, teacher, winner, config, key=key, title=title)


def _trained(
    context: Context, teacher: Teacher, winner: Architecture, config: RetrainConfig, *, key: str, title: str
) -> Quality:
    model = build_model(
        winner,
        num_classes=context.data.num_classes,
        image_size=context.image_size,
        mean=teacher.mean.flatten().tolist(),
        std=teacher.std.flatten().tolist(),
        config=config,
        seed=context.recipe.seed,
    )
    context.watch = watch = Stopwatch()
    with watch.running():
        job = fit_classifier(
            context,
            Ingredients(context.runtime.place(model), teacher, training_images(context, config)),
            config=config.fit,
            stage=STAGE,
            key=key,
            curves=Curves(),
            title=title,
        )
        _, figures = final_figures(job, context.data.rating)
    accuracy, number = float(figures["accuracy"]), int(figures["num_images"])
    return Quality(
        check="retrained",
        value=accuracy,
        interval=wilson_interval(accuracy, number),
        key=key,
        num_images=number,
        seconds=round(watch.seconds, 3),
        core_seconds=round(watch.core_seconds, 3),
    )
