"""Each warning is one plain sentence, given where it holds and nowhere else."""

import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.costs import cost_table
from helixnas.engine.progress import Reporter
from helixnas.pipeline.context import Context
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.work.warning_signs import (
    calibration_warnings,
    evidence_warnings,
    position_warnings,
    rating_warnings,
    teacher_warnings,
    warned,
)
from helixnas.search import Tables
from helixnas.search.config import SearchConfig
from helixnas.search.tables import score_tables
from helixnas.space import macro, vit


@pytest.mark.parametrize(
    ("accuracy", "is_warned"), [(0.1, True), (0.05, True), (0.12, True), (0.2, False), (None, False)]
)
def test_a_teacher_at_chance_is_warned_of(accuracy: float | None, is_warned: bool) -> None:
    facts = {} if accuracy is None else {"accuracy": accuracy, "num_evaluated": 360}
    assert bool(teacher_warnings(facts, 10)) == is_warned


def test_positions_for_images_of_another_size_are_warned_of() -> None:
    space = vit(patch=2, image_size=32, dimensions=(32,), stem_width=32)
    (warning,) = position_warnings(space, 16)
    assert warning == (
        "positions are learned on a grid of 16 x 16 patches, but images of 16 pixels have 8 x 8, so they are interpolated in "
        "every step; give space.image_size=16"
    )
    assert position_warnings(space, 32) == ()
    assert position_warnings(vit(positions=False), 32) == ()
    assert position_warnings(macro(), 16) == ()


def test_the_warning_of_a_teacher_at_chance_is_a_sentence() -> None:
    assert teacher_warnings({"accuracy": 0.1, "num_evaluated": 360}, 10) == (
        "the teacher is no better than guessing: 10.0% of 360 images (95 % interval 7.3% to 13.5%), where chance gives "
        "10.0%; train it longer, or check labels and weights",
    )


def test_a_single_rating_batch_is_warned_of() -> None:
    assert rating_warnings(2) == ()
    assert rating_warnings(1) == (
        "all rating images are one batch, so differences of scores have no standard error; lower rating.batch_size or "
        "raise data.num_rating",
    )


def test_searches_are_warned_of_and_the_report_shows_it(tiny: Recipe, copy: RunFolder, listener: Reporter) -> None:
    searches = {
        "free": SearchConfig(),
        "wide": SearchConfig(max={"params": "1M"}),
        "tight": SearchConfig(max={"macs": "80k"}),
        "large": SearchConfig(min={"macs": 130_000, "params": 4_000}),
    }
    record = run_recipe(replace(tiny, searches=searches), copy, listener, until="search")
    wide = record.stages["search:wide"].facts
    assert wide["warnings"] == [
        f"the limits (params <= 1,000,000) change nothing: the best network of the whole space meets them (params "
        f"{wide['params']:,})",
        "the chosen network is also that of search free and small",
    ]
    large = record.stages["search:large"].facts
    assert (
        f"the chosen network is larger than its teacher: {large['params']:,} params (teacher: 3,874) and {large['macs']:,} macs "
        "(teacher: 123,768); a budget such as max.params=100% prevents it"
    ) in large["warnings"]
    assert "warnings" not in record.stages["search:tight"].facts
    said: list[str] = getattr(listener, "said", [])
    assert f"warning: search wide: {wide['warnings'][1]}" in said
    from helixnas.report import build_report

    assert build_report(copy.path).read_text().count('<p class="warning">Warning: search wide: ') == 2


def test_searches_beside_the_recipe_s_are_warned_of_in_the_report_too(
    copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    from helixnas.report import build_report

    assert main(["search", str(copy.path), "--max", "params=1M", "--name", "mine"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert said[0].startswith("warning: the limits (params <= 1,000,000) change nothing")
    assert said[-1] == "warning: the chosen network is also that of search small"
    page = html.unescape(build_report(copy.path).read_text())
    for line in said:
        assert page.count(f'<p class="warning">Warning: search mine: {line.removeprefix("warning: ")}.</p>') == 1
    assert main(["search", str(copy.path), "--name", "mine"]) == 0
    again = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert again == said


def test_no_warning_is_no_fact(tiny: Recipe, tmp_path: Path) -> None:
    assert warned(Context(tiny, RunFolder(tmp_path), Reporter()), ()) == {}


def test_scores_that_share_only_size_with_a_proxy_are_warned_of() -> None:
    space = macro(depths=(2, 3), widths=(8, 16), stem_width=4)
    costs = cost_table(space, image_size=32, num_classes=10)
    rng = np.random.default_rng(0)
    learned = [rng.normal(size=len(costs.rows(block))) for block in (1, 2)]

    def tables(proxy: list[np.ndarray]) -> Tables:
        return Tables(ratings=score_tables(costs, {"log_kl": learned, "naswot": proxy}), costs=costs)

    (warning,) = evidence_warnings(tables([-each for each in learned]), space, ("log_kl", "naswot"))
    assert warning.startswith("log_kl and NASWOT (untrained) agree on nothing but size")
    assert evidence_warnings(tables(learned), space, ("log_kl", "naswot")) == ()
    assert evidence_warnings(tables([-each for each in learned]), space, ("log_kl",)) == ()


def test_a_calibration_that_does_not_predict_is_warned_of() -> None:
    good, bad = Estimate(1.0, (0.5, 1.0)), Estimate(-1.0, (-1.0, -0.5))
    assert calibration_warnings(good, good) == ()
    (contradicted,) = calibration_warnings(good, bad)
    assert contradicted.startswith(
        "the trainings order their networks the other way round than the scores (Kendall tau \u22121.000"
    )
    (warning,) = calibration_warnings(bad, good)
    assert warning.startswith("calibrated scores may not predict networks that were left out (Kendall tau \u22121.000")
