"""Sentences and rows about generations."""

from collections.abc import Callable

import pytest

from helixnas.artifacts.lineage import Generation, Lineage, Quality
from helixnas.report.generations.text import HEAD, SHORT, against, changes, cost_text, quality_text, rows, verdicts
from helixnas.space import from_code

Make = Callable[..., Generation]


def lineage(*generations: Generation, reason: str = "") -> Lineage:
    return Lineage(recipe="mine", number=3, search="small", generations=generations, reason=reason)


@pytest.mark.parametrize(("new", "word"), [(0.75, "better than"), (0.25, "worse than"), (0.5, "no better than")])
def test_a_generation_is_compared_with_the_best_before_it(generation: Make, new: float, word: str) -> None:
    earlier = [generation(1, quality=0.5), generation(2, quality=0.3)]
    assert against(generation(3, quality=new), earlier).startswith(f"generation 3 is {word} generation 1: ")
    assert against(generation(3), earlier) == ""
    far = against(generation(3, quality=0.9), earlier)
    assert far.endswith("against 50.00 % (40.00 to 60.00)")
    near = against(generation(3, quality=0.55), earlier)
    assert near.endswith("against 50.00 % (40.00 to 60.00), which may be chance")
    assert against(generation(1, quality=new), []) == ""


def test_the_verdict_names_what_is_kept_what_got_worse_and_why_it_ended(generation: Make) -> None:
    found = verdicts(
        lineage(generation(1, quality=0.5), generation(2, tau=0.9, quality=0.25, note="large"), reason="done")
    )
    assert found[0] == "Generation 1 of 2 is kept: 8:mb3_k3 12:mb6_k3."
    assert any(text.startswith("Generation 2 is worse than generation 1: 25.00 %") for text in found)
    assert "Generation 2: large." in found
    assert found[-1] == "Done."
    assert verdicts(lineage()) == ["No generation is finished yet."]
    assert verdicts(lineage(generation(1)))[-1] == "More may follow."


def test_a_row_fits_its_head_and_says_nothing_that_was_not_measured(generation: Make) -> None:
    first, second = rows(lineage(generation(1, core_seconds=None, teacher_accuracy=None), generation(2, tau=0.9)))
    assert len(first) == len(second) == len(HEAD)
    assert first[:2] == ["1", "small_resnet"]
    assert [first[4], first[7], first[8], first[9]] == ["\u2013"] * 4
    assert second[8] == "0.900 (0.850 to 0.950)"
    assert max(SHORT.values()) < len(HEAD)


def test_a_correlation_is_no_percentage() -> None:
    assert (
        quality_text(Quality(check="stitching", value=-0.5, interval=(-0.75, 0.0)))
        == "\u22120.500 (\u22120.750 to 0.000)"
    )
    assert quality_text(Quality(check="benchmark", value=0.9312, interval=None)) == "93.12 %"
    assert quality_text(None) == "\u2013"


def test_changes_name_the_blocks_that_differ() -> None:
    before, after = from_code("11111111"), from_code("11211111")
    assert changes(before, after) == [f"block 2: {before.paths[1].text} became {after.paths[1].text}"]


def test_costs_add_up_where_all_are_known(generation: Make) -> None:
    assert cost_text(lineage(generation(1), generation(2))) == "40 s in all, 60 core-seconds"
    assert cost_text(lineage(generation(1), generation(2, core_seconds=None))) == "40 s in all"
