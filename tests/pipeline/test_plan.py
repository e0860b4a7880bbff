"""What a changed recipe is said to have changed."""

import pytest

from helixnas.pipeline.plan import changes


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"distill": {"lr": 0.1}}, {"distill": {"lr": 0.2}}, "distill.lr was 0.1, is 0.2"),
        ({"distill": {"lr": 0.1}}, {"distill": {"lr": 0.1, "stop_at": 0.5}}, "distill.stop_at was 1.0, is 0.5"),
        ({"distill": {"stop_at": 0.5}}, {"distill": {}}, "distill.stop_at was 0.5, is 1.0"),
        ({"teacher": {}}, {"teacher": {"network": "64:a"}}, "teacher.network was not set, is 64:a"),
        ({"model_args": {}}, {"model_args": {"network": "a"}}, "model_args.network was not set, is a"),
        ({"teacher": {"weights": "a"}}, {"teacher": {"weights": ""}}, "teacher.weights was a, is not set"),
    ],
)
def test_a_changed_setting_is_told_with_both_values(
    before: dict[str, object], after: dict[str, object], told: str
) -> None:
    assert list(changes("", before, after)) == [told]


@pytest.mark.parametrize(
    ("before", "after"), [({"distill": {"stop_at": 1.0}}, {"distill": {}}), ({"name": ""}, {}), ({"a": 1}, {"a": 1})]
)
def test_settings_that_mean_the_same_are_told_nothing_about(
    before: dict[str, object], after: dict[str, object]
) -> None:
    assert list(changes("", before, after)) == []
