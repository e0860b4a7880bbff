"""Batches that fit."""

import pytest

from helixnas.pipeline.memory.need import Bytes, Need


@pytest.mark.parametrize(
    ("available", "least", "batch"), [(10**6, 1, 100), (599, 1, 50), (129, 1, 3), (0, 1, 1), (0, 4, 4)]
)
def test_a_batch_is_halved_until_it_fits(available: int, least: int, batch: int) -> None:
    need = Need(stage="distill", setting="distill.batch_size", batch=100, bytes=Bytes(99, 10))
    assert need.total == 1099
    assert need.fitting(available, least) == batch
