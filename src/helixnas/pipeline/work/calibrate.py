"""Work of the calibrate stage: networks trained shortly, and an additive fit that corrects the scores of all paths.

The scores of a supernet and of untrained networks are cheap guesses of what training shows. Here some networks are trained
shortly, all alike, and their accuracies correct the guess: the fit takes the summed scores as they are, times a slope, and
learns per layer how far networks are from it. It adds up over blocks like the scores (Eq. 4), so the search stays exact.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import Estimate, agreement
from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.files import read_json, remove, understanding, write_json
from helixnas.artifacts.rating_table import summed
from helixnas.calibration import CALIBRATED, informative_networks
from helixnas.engine.fit_run import final_figures
from helixnas.engine.progress import Advance
from helixnas.errors import ConfigError, DataError
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part, parts_of
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.stage import Result
from helixnas.pipeline.stages.calibrate import scores_to_correct
from helixnas.pipeline.work.network_training import NetworkTrainer, counted
from helixnas.pipeline.work.search import load_tables
from helixnas.pipeline.work.warning_signs import calibration_warnings, warned
from helixnas.report.run.calibration import LEFT_OUT, SCORES
from helixnas.retrain import RetrainConfig
from helixnas.search import Tables, scored
from helixnas.search.additive import fit_additive
from helixnas.search.tables import score_tables
from helixnas.space import Architecture

NETWORKS_STREAM = 53
"""Separates the draw of the networks from the other random numbers of a seed."""

TRAINED = "calibrated"
"""Folder, among those of jobs, of the accuracies that jobs found."""

LEAST_ERROR = 1e-4
"""Smaller errors count as this one, of which the logarithm is taken."""


def check_images(context: Context) -> None:
    """Check the images before the first stage.

    Raises:
        DataError: training or rating images have no labels.
        ConfigError: there are fewer training images than a batch.
    """
    config, images = context.recipe.calibration, context.data.train
    images.require_labels("calibration")
    if context.data.rating.labels is None:
        raise DataError("calibration evaluates its networks on the rating images, which have no labels")
    if config.fit.batch_size > len(images):
        raise ConfigError(
            f"calibration.fit.batch_size is {config.fit.batch_size:,}, but there are only {len(images):,} training images; "
            f"choose at most {len(images):,}"
        )


def calibrate(context: Context, key: str, search: str) -> Result:
    """Train the most informative networks shortly, and write a corrected score per path; lower is better."""
    folder, space = context.folder, context.space
    names = scores_to_correct(context.recipe.to_dict())
    tables = load_tables(folder, folder.load_record())
    prior = scored(tables, names)[0].ratings
    networks = _draw(context, tables)
    spread = context.spread
    accuracy = _train(context, key, networks) if spread is None else _train_on_workers(context, key, networks, spread)
    values = -np.log(np.maximum(1 - accuracy, LEAST_ERROR))
    fit = fit_additive(space, tables.costs, networks, values, prior=prior)
    corrected = score_tables(tables.costs, {CALIBRATED: [-each for each in fit.paths]})
    for table in corrected:
        table.save(folder.calibrated(table.block))
    guesses = {SCORES: -summed(prior, networks), **_free(tables, networks)}
    kendall = {LEFT_OUT: fit.kendall, **{name: _kendall(guess, accuracy) for name, guess in guesses.items()}}
    config = context.recipe.calibration
    write_json(
        folder.calibration_networks,
        {
            "key": key,
            "scores": list(names),
            "init": config.init,
            "num_epochs": config.num_epochs,
            "networks": [network.text for network in networks],
            "accuracy": accuracy.tolist(),
            "num_images": len(context.data.rating),
            "left_out": fit.differences.tolist(),
            "slope": fit.slope,
            "penalty": fit.penalty,
            "kendall": {name: {"value": each.value, "interval": list(each.interval)} for name, each in kendall.items()},
        },
    )
    files = tuple(f"calibration/block-{table.block}.parquet" for table in corrected)
    facts: dict[str, Any] = {
        "networks": len(networks),
        "accuracy": f"{accuracy.min():.4f} to {accuracy.max():.4f}",
        "tau of the scores": kendall[SCORES].value,
        "tau of the fit, each pair left out": kendall[LEFT_OUT].value,
    }
    facts |= warned(context, calibration_warnings(kendall[LEFT_OUT], kendall[SCORES]))
    written = (*files, "calibration/networks.json")
    if spread is None:
        return Result(written, facts, temporary=(_progress(context),))
    threads = spread.num_threads(context.recipe)
    return Result(written, facts, is_timed=False, num_threads=threads, temporary=(folder.jobs / TRAINED,))


def _kendall(guess: npt.NDArray[np.float64], accuracy: npt.NDArray[np.float64]) -> Estimate:
    found = agreement(guess, accuracy)
    return Estimate(found.kendall, found.kendall_interval)


def train_part(context: Context, key: str, part: Part) -> None:
    """Train one network as a job, and keep its accuracy for the command that asked for it."""
    networks = _draw(context, load_tables(context.folder, context.folder.load_record()))
    if part.network > len(networks) or _accuracy(context, key, part, networks) is not None:
        return
    network, trainer = networks[part.network - 1], NetworkTrainer(context, _training(context))
    with context.reporter.progress("training a network to calibrate", trainer.num_steps) as advance:
        checkpoint = context.folder.checkpoint(part.name)
        accuracy = _train_one(context, trainer, network, f"{key} {network.text}", advance, checkpoint)
    write_json(_result(context, part), {"key": key, "network": network.text, "accuracy": accuracy})


def _draw(context: Context, tables: Tables) -> list[Architecture]:
    """Return the networks to train, which depend only on the recipe and its scores."""
    config = context.recipe.calibration
    return informative_networks(
        context.space,
        tables.costs,
        scored(tables, scores_to_correct(context.recipe.to_dict()))[0].ratings,
        config.num_networks,
        share=config.share,
        rng=np.random.default_rng((context.recipe.seed, NETWORKS_STREAM)),
    )


def _training(context: Context) -> RetrainConfig:
    config = context.recipe.calibration
    return RetrainConfig(fit=config.training, init=config.init)


def _train_on_workers(
    context: Context, key: str, networks: Sequence[Architecture], spread: Spread
) -> npt.NDArray[np.float64]:
    """Return the accuracy of every network, each trained by a job."""
    recipe, folder = context.recipe, context.folder
    folder.save_settings(recipe.to_dict())  # workers read them
    parts = parts_of(recipe, "calibrate")[: len(networks)]
    accuracy = partial(_accuracy, context, key, networks=networks)
    spread.run(parts, recipe, folder, context.reporter, is_done=lambda part: accuracy(part) is not None)
    found = [accuracy(part) for part in parts]
    return np.array(found, dtype=np.float64)


def _result(context: Context, part: Part) -> Path:
    """Return the file of the accuracy that a job found."""
    return context.folder.jobs / TRAINED / f"{part.name}.json"


def _accuracy(context: Context, key: str, part: Part, networks: Sequence[Architecture]) -> float | None:
    """Return the accuracy that a job found for this network with the settings of this key, None if there is none."""
    file = _result(context, part)
    found = read_json(file) if file.is_file() else {}
    network = networks[part.network - 1].text
    return float(found["accuracy"]) if (found.get("key"), found.get("network")) == (key, network) else None


def _train(context: Context, key: str, networks: Sequence[Architecture]) -> npt.NDArray[np.float64]:
    """Return the accuracy of every network on the rating images, those trained by an interrupted process included."""
    trained, checkpoint = _trained_before(context, key), context.folder.checkpoint("calibrate")
    trainer = NetworkTrainer(context, _training(context))
    total = len(networks) * trainer.num_steps
    with context.reporter.progress("training networks to calibrate", total) as advance:
        for number, network in enumerate(networks):
            if network.text in trained:
                continue
            step = counted(advance, number, len(networks), trainer.num_steps)
            accuracy = _train_one(context, trainer, network, f"{key} {network.text}", step, checkpoint)
            trained[network.text] = accuracy
            write_json(_progress(context), {"key": key, "accuracy": trained, "spent": context.watch.state()})
            remove(checkpoint)
    return np.array([trained[network.text] for network in networks])


def _train_one(
    context: Context, trainer: NetworkTrainer, network: Architecture, key: str, advance: Advance, checkpoint: Path
) -> float:
    """Return the accuracy of a network after training; all have the same seed, so they see the same batches."""
    job = trainer.begin(network, seed=context.recipe.seed, title=f"the network {network.text}")
    trainer.finish(job, checkpoint=checkpoint, key=key, advance=advance, watch=context.watch)
    return float(final_figures(job, context.data.rating)[1]["accuracy"])


def _progress(context: Context) -> Path:
    """Return the file that holds the accuracies of finished networks while others are still to be trained."""
    return context.folder.checkpoint("calibrate").with_suffix(".json")


def _trained_before(context: Context, key: str) -> dict[str, float]:
    """Return accuracies that an interrupted process left, by network; none of other settings."""
    file = _progress(context)
    if not file.is_file():
        return {}
    values = read_json(file)
    with understanding(file):
        if values["key"] != key:
            return {}
        context.watch.restore(values["spent"])
        return {str(text): float(value) for text, value in values["accuracy"].items()}


def _free(tables: Tables, networks: Sequence[Architecture]) -> dict[str, npt.NDArray[np.float64]]:
    """Return what ranks the networks without any training: sizes, and zero-cost proxies where the run has them."""
    costs = [tables.costs.of(network) for network in networks]
    proxies = [name for name in tables.ratings[0].scores if name in PROXIES]
    return {
        **{name: np.array([float(each[name]) for each in costs]) for name in ("macs", "params")},
        "depth": np.array([float(network.effective_depth) for network in networks]),
        **{name: -summed(scored(tables, (name,))[0].ratings, networks) for name in proxies},
    }
