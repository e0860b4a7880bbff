"""Comparing: a run, sizes and baselines on exactly the networks that a baseline rated, beside what each cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import agreement, partial_agreement
from helixnas.artifacts.baseline import HIGHER_IS_BETTER, PROXIES, Baseline
from helixnas.artifacts.comparison import Compared, Comparison
from helixnas.artifacts.ranking import SIZES, Ranking
from helixnas.lab.predictors import best_proxy, kinds_in

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """Cost of a run's scores: teacher, supernet and ratings."""

    images_seen: int | None
    """Training images shown; None where that is not recorded."""

    core_seconds: float | None
    """Processor time in seconds; None where that is not recorded."""

    apart: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """All processor time of the kinds of score that are not rated, by kind."""

    def of(self, predictor: str) -> float | None:
        """Return the processor time of a predictor: of all scores in its sum."""
        kinds = kinds_in(predictor)
        costs = [self.apart[kind] for kind in kinds if kind in self.apart]
        costs += [self.core_seconds] * any(kind not in self.apart for kind in kinds)
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None


class _Way(NamedTuple):
    """A way to rank: a value per network, higher is better, and what builds its row."""

    name: str
    values: FloatArray
    row: Callable[..., Compared]

    @property
    def is_free(self) -> bool:
        """Whether it is a size or an untrained proxy."""
        return self.name in (*SIZES, *PROXIES)


def compare(
    ranking: Ranking,
    baselines: Sequence[Baseline],
    *,
    cost: RunCost,
    num_resamples: int,
    seed: int,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Comparison, ...]:
    """Return a comparison for every set of networks that some baselines rated; the largest set first.

    A network that the benchmark lists under several names counts once, with the mean of its accuracies. All intervals of a
    comparison come from the same resamples of its networks. What learns is compared given sizes, and given the best untrained
    proxy too, of the baselines or the run. `advance` is called with the numbers of finished rows and of all rows.
    """
    groups: dict[frozenset[str], list[Baseline]] = {}
    for baseline in baselines:
        groups.setdefault(frozenset(baseline.networks), []).append(baseline)
    ordered = sorted(groups.values(), key=lambda group: -len(group[0].networks))
    columns = [_columns(ranking, group[0].networks) for group in ordered]
    ways = [[*_of_baselines(group), *_of_run(ranking, own, cost)] for group, own in zip(ordered, columns, strict=True)]
    done, total, found = 0, sum(map(len, ways)), list[Comparison]()
    resampling = {"seed": seed, "num_resamples": num_resamples}
    for group, own, each in zip(ordered, columns, ways, strict=True):
        accuracy, controls = own["accuracy"], {size: own[size] for size in SIZES}
        proxy = best_proxy(((way.name, way.values) for way in each), accuracy)
        rows: list[Compared] = []
        for way in each:
            both = agreement(way.values, accuracy, **resampling)
            given = partial_agreement(way.values, accuracy, controls, **resampling)
            beyond = None
            if proxy is not None and not way.is_free:
                beyond = partial_agreement(way.values, accuracy, {**controls, proxy[0]: proxy[1]}, **resampling)
            rows.append(way.row(agreement=both, partial=given, beyond=beyond))
            done += 1
            advance(done, total)
        name = "" if proxy is None else proxy[0]
        found.append(Comparison(networks=group[0].networks, rows=tuple(rows), proxy=name))
    return tuple(found)


def _columns(ranking: Ranking, networks: Sequence[str]) -> dict[str, FloatArray]:
    """Return accuracy and every predictor of some networks, in their order: means over the rows of each."""
    texts = np.array(ranking.networks["architecture"])
    rows = [np.flatnonzero(texts == text) for text in networks]
    names = ("accuracy", *ranking.predictors)
    every = {name: np.array(ranking.networks[name], dtype=float) for name in names}
    return {name: np.array([values[own].mean() for own in rows]) for name, values in every.items()}


def _of_baselines(group: Sequence[Baseline]) -> Iterator[_Way]:
    order = group[0].networks
    for baseline in group:
        for point in baseline.points:
            kind = baseline.score
            value_of = dict(zip(baseline.networks, point.scores[kind], strict=True))
            values = np.array([value_of[text] for text in order])
            row = partial(
                Compared,
                name=baseline.method,
                kind="baseline",
                seed=baseline.seed,
                epoch=point.epoch,
                images_seen=point.images_seen,
                core_seconds=point.core_seconds + point.rating_core_seconds,
                device=baseline.device,
            )
            yield _Way(baseline.method, values if HIGHER_IS_BETTER[kind] else -values, row)


def _of_run(ranking: Ranking, columns: Mapping[str, FloatArray], cost: RunCost) -> Iterator[_Way]:
    for name in ranking.scores:
        row = partial(Compared, name=name, kind="score", images_seen=cost.images_seen, core_seconds=cost.of(name))
        yield _Way(name, -columns[name], row)
    for name in SIZES:
        yield _Way(name, columns[name], partial(Compared, name=name, kind="size", images_seen=0, core_seconds=0.0))
