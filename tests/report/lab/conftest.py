"""Rankings, comparisons with baselines and studies made by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from helixnas.artifacts.agreement import Agreement, Estimate
from helixnas.artifacts.comparison import Compared, Comparison
from helixnas.artifacts.ranking import SIZES, BudgetPicks, Pick, Ranking, SubsetRanking
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow

LEADS = {"macs": 0.25, "params": 0.5, "depth": 0.375}


def _agreement_of(value: float) -> Agreement:
    around = (value - 0.25, value + 0.25)
    return Agreement(value, around, value, around, value, around)


def _subset_of(
    name: str, lead: dict[str, float] = LEADS, *, reach: float = 0.125, beyond: float = 0.5, trainings: bool = True
) -> SubsetRanking:
    return SubsetRanking(
        name=name,
        meaning="some rows",
        num_rows=40,
        num_networks=30,
        agreement={"relative_l1": _agreement_of(0.5), **{size: _agreement_of(0.25) for size in SIZES}},
        partial={"relative_l1": Estimate(beyond, (beyond - 0.25, beyond + 0.25))},
        lead={"relative_l1": {size: Estimate(value, (value - reach, value + reach)) for size, value in lead.items()}},
        ceiling={"1 and 2": _agreement_of(0.875)} if trainings else {},
        best_pearson=0.9375 if trainings else None,
    )


def _compared(name: str, kind: str, tau: float, **cost) -> Compared:
    around = (tau - 0.25, tau + 0.25)
    found = Agreement(tau, around, tau, around, tau, around)
    return Compared(name=name, kind=kind, agreement=found, partial=Estimate(tau / 2, around), **cost)  # type: ignore[arg-type]


@pytest.fixture
def comparison() -> Comparison:
    """Return two evaluations of a baseline, a score of the run and a size."""
    return Comparison(
        networks=("4:a", "4:b"),
        rows=(
            _compared("spos", "baseline", 0.25, seed=0, epoch=2.5, images_seen=1000, core_seconds=20.0, device="cpu"),
            _compared("spos", "baseline", 0.5, seed=0, epoch=5.0, images_seen=2000, core_seconds=40.0, device="cpu"),
            _compared("my_score<b>", "score", 0.75, images_seen=1500, core_seconds=30.0),
            _compared("macs", "size", 0.125, images_seen=0, core_seconds=0.0),
        ),
    )


def _figures(tau: float, size: float = 0.1) -> Ranked:
    """Return figures with a tau and that of every size."""
    own = Estimate(tau, (tau - 0.05, tau + 0.05))
    sizes = {name: Estimate(size, (size - 0.1, size + 0.1)) for name in ("macs", "params", "depth")}
    return Ranked(score="relative_l1", kendall=own, spearman=own, partial=own, sizes=sizes, num_networks=40)


def _row(label: str, stitched: Ranked | None, trained: Ranked | None = None) -> StudyRow:
    picked = None if trained is None else Picked(accuracy=0.9, best=0.95, regret=0.02, random_regret=0.05)
    return StudyRow(
        label=label, changes={}, run=f"variants/{label}", seconds=2.0, chosen="8:mb3_k3", stitched=stitched,
        trained=trained, picked=picked,
    )  # fmt: skip


def _study(*rows: StudyRow, benchmark: str = "") -> Study:
    return Study(
        name="mine", description="Two.", base="digits", axis="seed", ordered=True, benchmark=benchmark, rows=rows
    )


@pytest.fixture
def ranking() -> Ranking:
    """Return two sets of networks and two budgets, without baselines."""
    rng = np.random.default_rng(0)
    pick = Pick(accuracy=0.875, architecture="4:a 8:b")
    columns = {name: tuple(rng.uniform(size=40).tolist()) for name in ("accuracy", "relative_l1", *SIZES)}
    return Ranking(
        benchmark={"name": "made<1>", "num_rows": 40, "num_networks": 30, "num_trainings": 2, "facts": {}},
        scores=("relative_l1",),
        search_score="relative_l1",
        num_resamples=100,
        picked_by="the exact search over the whole space",
        subsets=(_subset_of("all"), _subset_of("no_identity")),
        skipped={"top_decile": "4 different networks, of at least 10"},
        budgets=tuple(
            BudgetPicks(
                macs=macs,
                num_rows=4,
                best=0.9375,
                random=0.75,
                picks=dict.fromkeys(("relative_l1", *SIZES), pick),
            )
            for macs in (100, 200)
        ),
        networks={"architecture": ("4:a 8:b",) * 40, **columns},
    )


@pytest.fixture
def figures() -> Callable[..., Ranked]:
    return _figures


@pytest.fixture
def row() -> Callable[..., StudyRow]:
    return _row


@pytest.fixture
def study() -> Callable[..., Study]:
    return _study


@pytest.fixture
def subset_of() -> Callable[..., SubsetRanking]:
    return _subset_of


@pytest.fixture
def agreement_of() -> Callable[..., Agreement]:
    return _agreement_of
