"""Operations that leave nothing behind in the registry."""

from collections.abc import Iterator

import pytest
import torch

from helixnas.nn import operations

torch.set_num_threads(1)


@pytest.fixture
def registry() -> Iterator[None]:
    """Put the registry of operations back as it was."""
    before = dict(operations._BUILDERS)
    yield
    operations._BUILDERS.clear()
    operations._BUILDERS.update(before)
