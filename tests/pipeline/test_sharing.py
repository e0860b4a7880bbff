"""Batches that processes cannot share are named before the first stage, those of finished stages excepted."""

from dataclasses import replace
from typing import Any

import pytest

from helixnas.engine.distributed.parallel import DataParallel
from helixnas.errors import ConfigError
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.sharing import RATING, check_batches, say_shared

STAGES = ("teacher", "distill", "rate", "retrain")


def test_only_the_first_batch_that_cannot_be_shared_is_named(tiny: Recipe) -> None:
    check_batches(tiny, STAGES, DataParallel(0, 4))
    check_batches(tiny, STAGES, None)
    check_batches(tiny, ("rate",), DataParallel(0, 3))
    with pytest.raises(ConfigError, match="^teacher_fit.batch_size=64 cannot be shared by 3 processes; 63 would do$"):
        check_batches(tiny, STAGES, DataParallel(0, 3))
    with pytest.raises(ConfigError, match="^distill.batch_size=64 cannot be shared by 3 processes; 63 would do$"):
        check_batches(tiny, ("distill", "rate"), DataParallel(0, 3))


def test_the_size_of_a_microbatch_decides(tiny: Recipe) -> None:
    fit = replace(tiny.retraining.fit, microbatch_size=2)
    recipe = replace(tiny, retrain=replace(tiny.retraining, fit=fit))
    for stage in ("retrain", "inherit"):
        with pytest.raises(
            ConfigError, match="retrain.fit.microbatch_size=2 cannot be shared by 4 processes; 4 would do"
        ):
            check_batches(recipe, (stage,), DataParallel(0, 4))


def test_a_teacher_that_is_not_trained_shares_nothing(tiny: Recipe) -> None:
    recipe = replace(tiny, teacher=replace(tiny.teacher, weights="teacher.safetensors"))
    check_batches(recipe, ("teacher",), DataParallel(0, 3))


def test_processes_say_that_they_share_and_one_alone_says_nothing(listener: Any) -> None:
    say_shared(listener, None, RATING)
    say_shared(listener, DataParallel(0, 3), RATING)
    assert listener.said == ["3 processes rate together, each its part of the paths"]
