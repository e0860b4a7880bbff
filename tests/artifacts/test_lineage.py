"""The lineage file and its folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder
from helixnas.errors import ArtifactError

Make = Callable[..., Generation]


def lineage(*generations: Generation, number: int = 3) -> Lineage:
    return Lineage(recipe="mine", number=number, search="small", generations=generations)


def test_a_lineage_reads_back_as_it_was_written(generation: Make, tmp_path: Path) -> None:
    saved = lineage(generation(1, quality=0.5), generation(2, tau=0.9, quality=0.25, note="large"))
    saved.save(tmp_path / "generations.json")
    assert Lineage.load(tmp_path / "generations.json") == saved


@pytest.mark.parametrize(
    ("qualities", "best"), [((0.5, 0.75, 0.25), 2), ((0.5, 0.5), 1), ((None, None), 2), ((0.5,), 1), ((0.5, None), 2)]
)
def test_the_best_is_the_first_of_the_highest_quality_or_the_last_without_a_check(
    generation: Make, qualities: tuple[float | None, ...], best: int
) -> None:
    ones = [generation(number, quality=quality) for number, quality in enumerate(qualities, start=1)]
    assert lineage(*ones).best.number == best


def test_a_new_generation_drops_later_ones_and_a_known_one_keeps_them(generation: Make) -> None:
    first, second, third = (generation(number, quality=0.5) for number in (1, 2, 3))
    known = lineage(first, second, third)
    assert known.with_generation(second).generations == (first, second, third)
    changed = generation(2, quality=0.75)
    assert known.with_generation(changed).generations == (first, changed)
    assert known.before(3) == (first, second)


def test_a_folder_without_generations_says_how_to_start_them(tmp_path: Path) -> None:
    folder = LineageFolder(tmp_path)
    assert not folder.exists()
    with pytest.raises(ArtifactError, match=f"no generations in {tmp_path}; start them with: helixnas run RECIPE"):
        folder.load()
    lineage().save(folder.lineage)
    with pytest.raises(ArtifactError, match="has begun; continue with: helixnas run"):
        folder.last()
    with pytest.raises(ArtifactError, match="is finished; continue with: helixnas run"):
        folder.best()


def test_the_best_run_is_that_of_the_best_generation(generation: Make, tmp_path: Path) -> None:
    folder = LineageFolder(tmp_path)
    lineage(generation(1, quality=0.75), generation(2, quality=0.5)).save(folder.lineage)
    assert folder.best().path == folder.run(1).path


def begun(folder: LineageFolder, *numbers: int) -> None:
    for number in numbers:
        folder.run(number).path.mkdir(parents=True)
        folder.run(number).record.touch()


def test_runs_of_earlier_settings_behind_the_end_do_not_count(generation: Make, tmp_path: Path) -> None:
    folder = LineageFolder(tmp_path)
    begun(folder, 1, 2, 3)
    ended = replace(lineage(generation(1, quality=0.5), generation(2, quality=0.5)), reason="settled")
    replace(ended, reason="").save(folder.lineage)
    assert folder.last().path.name == "generation-3"
    ended.save(folder.lineage)
    assert [run.path.name for run in folder.runs()] == ["generation-1", "generation-2"]


def test_a_search_that_another_generation_has_is_told_where_it_is(generation: Make, tmp_path: Path) -> None:
    folder = LineageFolder(tmp_path)
    begun(folder, 1, 2)
    lineage(generation(1, quality=0.75), generation(2, quality=0.5)).save(folder.lineage)
    folder.run(2).search("light").mkdir(parents=True)
    with pytest.raises(
        ArtifactError, match=r"generation-2 has the search 'light', but .*generation-1, the generation that"
    ):
        folder.best("light")
    assert {folder.best(name).path.name for name in ("small", "")} == {"generation-1"}
    folder.run(1).search("light").mkdir(parents=True)
    assert folder.best("light").path.name == "generation-1"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "generations.json").write_text('{"format": "helixnas-generations", "version": 1, "recipe": 3}')
    with pytest.raises(ArtifactError, match=r"generations\.json"):
        LineageFolder(tmp_path).load()
