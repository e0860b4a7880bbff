"""Generations end to end: what they leave, what is redone, what is kept, and what is refused before anything begins."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helixnas.artifacts.agreement import agreement
from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, DataError, HelixError, UnknownNameError
from helixnas.generations.outlook import outlook
from helixnas.generations.run import recipe_of, run_generations
from helixnas.pipeline.generations_config import NextTeacherConfig, StopConfig
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.search.config import SearchConfig
from helixnas.space import load_space
from helixnas.zoo.sizes import count_architecture


def changed(recipe: Recipe, **generations) -> Recipe:
    assert recipe.generations is not None
    return replace(recipe, generations=replace(recipe.generations, **generations))


def test_each_generation_is_a_run_whose_teacher_is_the_winner_before_it_scaled(
    tiny_plus: Recipe, two: LineageFolder
) -> None:
    lineage = two.load()
    first, second = lineage.generations
    assert [folder.path.name for folder in two.runs()] == ["generation-1", "generation-2"]
    assert first.teacher == "small_resnet"
    assert second.scaled_from == first.winner
    space = load_space(tiny_plus.space)
    winner = space.parse(first.winner)
    widths = [int(part.split(":")[0]) for part in second.teacher.split()]
    assert widths == [{8: 16, 12: 24}[path.width] for path in winner.paths]  # 1.5 x 8 and 12, as multiples of 8
    teacher = two.run(2).load_record().stages["teacher"].facts
    assert teacher["accuracy"] == second.teacher_accuracy
    assert second.teacher_costs["params"] == teacher["params"]
    counted = count_architecture(winner, image_size=8, num_classes=10)
    assert first.costs == counted


def test_only_the_best_generation_is_retrained(two: LineageFolder) -> None:
    lineage = two.load()
    best = lineage.best.number
    assert lineage.reason == "all 2 generations are done" or lineage.reason.startswith("settled")
    retrained = [number for number in (1, 2) if two.run(number).model("small") is not None]
    assert retrained == [best]
    qualities = [one.quality.value for one in lineage.generations if one.quality]
    assert qualities[best - 1] == max(qualities)


def test_what_is_finished_is_not_done_again(
    tiny_plus: Recipe, two: LineageFolder, digests: Callable[[Path], dict[str, str]], listener: Reporter
) -> None:
    before = [digests(folder.path) for folder in two.runs()], two.lineage.read_text()
    run_generations(tiny_plus, two, listener)
    assert ([digests(folder.path) for folder in two.runs()], two.lineage.read_text()) == before
    assert not [text for text in listener.said if "re-running" in text]


@pytest.mark.slow
def test_a_changed_setting_of_a_generation_redoes_it_and_later_ones_only(
    tiny_plus: Recipe, two: LineageFolder, listener: Reporter
) -> None:
    first = two.run(1).record.read_bytes()
    again = changed(tiny_plus, teachers={"2": NextTeacherConfig(width=2.0, depth=2.0)})
    found = run_generations(again, two, listener)
    assert two.run(1).record.read_bytes() == first or found.best.number == 1
    redone = [text for text in listener.said if text.startswith("re-running")]
    assert redone[0].startswith("re-running teacher: teacher.model_args.arch")
    assert found.generations[1].teacher != found.generations[0].teacher


@pytest.mark.slow
def test_a_changed_setting_of_all_redoes_the_first(tiny_plus: Recipe, two: LineageFolder, listener: Reporter) -> None:
    run_generations(replace(tiny_plus, seed=1), two, listener, until="search")
    assert "re-running teacher: seed changed from 0 to 1" in listener.said


@pytest.mark.slow
def test_fewer_generations_keep_the_first_ones(tiny_plus: Recipe, two: LineageFolder) -> None:
    patient = StopConfig(num_networks=20, num_epochs=1, tau=1.0)
    three = run_generations(changed(tiny_plus, number=3, stop=patient), two, Reporter(), until="search")
    assert len(three.generations) == 3
    assert len(run_generations(tiny_plus, two, Reporter(), until="search").generations) == 2


def test_until_an_early_stage_the_first_generation_runs_alone(tiny_plus: Recipe, tmp_path: Path) -> None:
    out = LineageFolder(tmp_path / "early")
    assert run_generations(tiny_plus, out, Reporter(), until="costs").generations == ()
    assert set(out.run(1).load_record().stages) == {"teacher", "costs"}
    assert [each.path for each in out.runs()] == [out.run(1).path]
    with pytest.raises(UnknownNameError, match="unknown stage 'serach'; did you mean search"):
        run_generations(tiny_plus, out, Reporter(), until="serach")


def test_each_generation_reads_back_as_an_ordinary_run(
    tiny_plus: Recipe, two: LineageFolder, listener: Reporter
) -> None:
    own = recipe_of(tiny_plus, 2, two)
    run_recipe(own, two.run(2), listener, until="search")
    assert not [text for text in listener.said if "re-running" in text]
    assert own.to_dict() == two.run(2).load_settings() | {"space": own.to_dict()["space"]}


def test_the_agreement_between_generations_is_that_of_summed_block_scores(
    tiny_plus: Recipe, two: LineageFolder
) -> None:
    space, rng = load_space(tiny_plus.space), np.random.default_rng(0)
    networks = list({each.text: each for each in (space.sample(rng) for _ in range(20))}.values())

    def sums(folder: RunFolder) -> np.ndarray:
        tables = [RatingTable.load(folder.rating(number)) for number in (1, 2)]
        found: list[float] = []
        for network in networks:
            one, other = network.paths
            first = tables[0].mean()[tables[0].row(8, one.text)]
            found.append(first + tables[1].mean()[tables[1].row(one.width, other.text)])
        return np.array(found)

    second = two.load().generations[1]
    assert second.agreement is not None
    assert second.agreement.value == pytest.approx(agreement(sums(two.run(1)), sums(two.run(2))).kendall, abs=1e-12)


def test_an_amount_that_depends_on_the_images_is_refused_where_a_generation_has_others(
    tiny_plus: Recipe, tmp_path: Path
) -> None:
    teacher = replace(NextTeacherConfig(width=1.5, depth=2.0), image_size=16)

    def limited(**limits: str) -> Recipe:
        searches = {"small": replace(tiny_plus.searches["small"], max=limits)}
        return changed(replace(tiny_plus, searches=searches), teacher=teacher)

    with pytest.raises(ConfigError, match="macs=120k in searches.small would be another budget in generation 2, whose"):
        run_generations(limited(macs="120k"), LineageFolder(tmp_path / "out"), Reporter())
    assert not (tmp_path / "out/generation-1").exists()
    assert len(list(outlook(limited(macs="90%", params="5k"), LineageFolder(tmp_path / "out"), num_classes=10))) == 2


def test_generations_are_not_written_into_their_images(tiny_plus: Recipe, tmp_path: Path) -> None:
    recipe = replace(tiny_plus, data=replace(tiny_plus.data, name="", root=str(tmp_path)))
    with pytest.raises(ConfigError, match="cannot hold both the run and its images"):
        run_generations(recipe, LineageFolder(tmp_path), Reporter())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_generations_of_another_recipe_are_not_replaced_unasked(tiny_plus: Recipe, two: LineageFolder) -> None:
    other = replace(tiny_plus, name="other")
    with pytest.raises(
        ArtifactError, match="holds generations of recipe 'tiny-plus', not of 'other'; choose another --out"
    ):
        run_generations(other, two, Reporter())
    found = run_generations(other, two, Reporter(), until="search", redo=True)
    assert found.recipe == two.load().recipe == "other"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"teacher": NextTeacherConfig(params=1000)}, "asks for 1,000 in generation 2"),
        ({"benchmark": "no-such.json"}, "no-such.json"),
    ],
)
def test_a_refused_redo_leaves_every_byte(
    tiny_plus: Recipe, two: LineageFolder, wrong: dict[str, Any], message: str
) -> None:
    def held() -> dict[Path, bytes]:
        files = (file for file in two.path.rglob("*") if file.is_file() and not file.name.startswith(".lock"))
        return {file: file.read_bytes() for file in files}

    before = held()
    with pytest.raises(HelixError, match=message):
        run_generations(changed(replace(tiny_plus, name="other"), **wrong), two, Reporter(), redo=True)
    root = replace(tiny_plus, name="other", data=replace(tiny_plus.data, name="", root="typo"))
    with pytest.raises(HelixError, match="typo"):
        run_generations(root, two, Reporter(), redo=True)
    assert held() == before


def test_a_run_and_generations_do_not_share_a_folder(
    tiny: Recipe, tiny_plus: Recipe, copy: RunFolder, two: LineageFolder
) -> None:
    with pytest.raises(ArtifactError, match="holds an ordinary run, no generations; choose another --out"):
        run_generations(tiny_plus, LineageFolder(copy.path), Reporter())
    with pytest.raises(
        ArtifactError, match="holds generations, not one run; choose another folder, or add --generations"
    ):
        run_recipe(tiny, RunFolder(two.path), Reporter())


def test_a_size_that_no_network_can_have_is_told_before_anything_is_trained(tiny_plus: Recipe, tmp_path: Path) -> None:
    out = LineageFolder(tmp_path / "none")
    with pytest.raises(
        ConfigError,
        match="asks for 1,000 in generation 2, but the shortest and narrowest network of the space has 2,398 params",
    ):
        run_generations(changed(tiny_plus, teacher=NextTeacherConfig(params=1000)), out, Reporter())
    assert not out.exists()
    assert not out.run(1).path.exists()


def test_images_without_labels_are_told_before_the_first_generation(tiny_plus: Recipe, tmp_path: Path) -> None:
    for number in range(40):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    unlabelled = replace(
        tiny_plus,
        data=replace(tiny_plus.data, name="", root=str(tmp_path), num_rating=10),
        retrain=None,
        teacher=replace(tiny_plus.teacher, weights=str(tmp_path / "none.pt")),
    )
    out = LineageFolder(tmp_path / "out")
    with pytest.raises(DataError, match="labels"):
        run_generations(unlabelled, out, Reporter())
    assert not out.exists()


def test_an_interrupted_first_generation_is_checked_again(tiny_plus: Recipe, tmp_path: Path) -> None:
    out = LineageFolder(tmp_path / "early")
    run_generations(tiny_plus, out, Reporter(), until="teacher")
    with pytest.raises(ConfigError, match="asks for 1,000 in generation 2"):
        run_generations(changed(tiny_plus, teacher=NextTeacherConfig(params=1000)), out, Reporter())


def test_networks_that_cannot_be_built_are_told_before_the_first_generation(
    tiny_plus: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def sketch(recipe: Recipe, num_classes: int | None) -> None:
        seen.append(recipe.name)
        if recipe.name.endswith("generation 2"):
            raise ConfigError("cannot be built")

    monkeypatch.setattr("helixnas.generations.run.sketch", sketch)
    out = LineageFolder(tmp_path / "out")
    with pytest.raises(ConfigError, match="cannot be built"):
        run_generations(tiny_plus, out, Reporter())
    assert seen == ["tiny-plus, generation 1", "tiny-plus, generation 2"]
    assert not out.exists()


@pytest.mark.slow
def test_a_damaged_lineage_is_named_and_can_be_replaced(tiny_plus: Recipe, two: LineageFolder) -> None:
    two.lineage.write_text("{")
    with pytest.raises(ArtifactError, match=r"generations\.json"):
        run_generations(tiny_plus, two, Reporter())
    assert len(run_generations(tiny_plus, two, Reporter(), until="search", redo=True).generations) == 2


def test_a_second_process_is_told_who_is_at_work(tiny_plus: Recipe, two: LineageFolder) -> None:
    with two.own.locked(), pytest.raises(ArtifactError, match=f"process {os.getpid()} is at work in"):
        run_generations(tiny_plus, two, Reporter())


@pytest.mark.slow
def test_a_search_other_than_the_first_may_teach(tiny_plus: Recipe, two: LineageFolder, tmp_path: Path) -> None:
    shutil.copytree(two.path, tmp_path / "again")
    out = LineageFolder(tmp_path / "again")
    searches = {**tiny_plus.searches, "light": SearchConfig(max={"params": 2700})}
    recipe = changed(replace(tiny_plus, searches=searches), search="light")
    found = run_generations(recipe, out, Reporter(), until="search")
    assert found.search == "light"
    assert all(one.costs["params"] <= 2700 for one in found.generations)


def test_a_finished_run_of_the_recipe_is_generation_1(
    tiny_plus: Recipe, two: LineageFolder, tmp_path: Path, listener
) -> None:
    out = LineageFolder(tmp_path / "again")
    run_generations(tiny_plus, out, listener, until="rate", others=two.runs())
    reused = [said.partition(":")[0] for said in listener.said if "reused from" in said]
    assert reused == ["teacher", "costs", "proxies", "distill", "rate", "stitch"]
    assert out.run(1).load_record().stages["distill"] == two.run(1).load_record().stages["distill"]
