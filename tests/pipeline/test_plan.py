"""The plan of a run: keys, reasons to redo, and messages about changed settings."""

from dataclasses import replace
from typing import Any

import pytest

from helixnas.pipeline.plan import changes, plan, stages_after
from helixnas.pipeline.recipe import Recipe


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({"distill": {"lr": 0.1}}, {"distill": {"lr": 0.2}}, "distill.lr changed from 0.1 to 0.2"),
        ({"teacher": {}}, {"teacher": {"network": "64:a"}}, "teacher.network changed from not set to 64:a"),
        ({"a": {"weights": "x"}}, {"a": {"weights": ""}}, "a.weights changed from x to not set"),
        ({"a": {"weights": "sha256:1"}}, {"a": {"weights": "sha256:2"}}, "the contents of a.weights changed"),
        ({"blocks": [1] * 40}, {"blocks": [2] * 40}, "blocks changed"),
    ],
)
def test_a_changed_setting_is_named_with_both_values(
    before: dict[str, object], after: dict[str, object], message: str
) -> None:
    assert list(changes("", before, after)) == [message]


@pytest.mark.parametrize(("before", "after"), [({"name": ""}, {}), ({"a": 1}, {"a": 1})])
def test_settings_that_mean_the_same_are_no_change(before: dict[str, object], after: dict[str, object]) -> None:
    assert list(changes("", before, after)) == []


def keys(recipe: Recipe) -> dict[str, str]:
    return {one.name: one.key for one in plan(recipe.to_dict())}


def changed_stages(before: Recipe, after: Recipe) -> set[str]:
    first, second = keys(before), keys(after)
    return {name for name in second if first.get(name) != second[name]}


def test_arguments_of_a_model_count_whatever_they_are_called(tiny: Recipe) -> None:
    odd = {**tiny.teacher.model_args, "eps": 0.0, "temperature": 1.0}
    assert "teacher" in changed_stages(tiny, replace(tiny, teacher=replace(tiny.teacher, model_args=odd)))


@pytest.mark.parametrize(
    ("section", "setting", "value", "redone"),
    [
        ("stitching", "num_architectures", 9, {"stitch"}),
        ("rating", "batch_size", 20, {"rate", "stitch", "search:small", "retrain:small"}),
        ("distill", "lr", 0.5, {"distill", "rate", "stitch", "search:small", "retrain:small"}),
        ("data", "num_workers", 3, set()),
        ("data", "shuffle", "images", set()),
        ("data", "shuffle_memory", 1.0, set()),
        ("runtime", "num_threads", 2, set()),
    ],
)
def test_a_changed_setting_redoes_its_stage_and_those_that_build_on_it(
    tiny: Recipe, section: str, setting: str, value: Any, redone: set[str]
) -> None:
    other = replace(tiny, **{section: replace(getattr(tiny, section), **{setting: value})})
    assert changed_stages(tiny, other) == redone


def test_the_order_of_images_counts_where_it_goes_by_blocks(tiny: Recipe) -> None:
    def with_data(**settings: Any) -> Recipe:
        return replace(tiny, data=replace(tiny.data, **settings))

    by_blocks = with_data(shuffle="blocks")
    assert "teacher" in changed_stages(tiny, by_blocks)
    assert "teacher" in changed_stages(by_blocks, with_data(shuffle="blocks", shuffle_memory=1.0))
    assert "teacher" in changed_stages(with_data(name="parquet"), with_data(name="parquet", shuffle="images"))


def test_stages_after_one_are_those_that_build_on_it(tiny: Recipe) -> None:
    assert stages_after("rate", tiny.to_dict()) == ("rate", "stitch", "search:small", "retrain:small")


def test_the_plan_of_a_run_read_back_from_its_settings_is_the_same(finished: Any, tiny: Recipe) -> None:
    read = {one.name: one.key for one in plan(finished.load_settings())}
    assert read == keys(tiny) == {name: stage.key for name, stage in finished.load_record().stages.items()}
