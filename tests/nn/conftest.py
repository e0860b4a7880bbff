"""Operations that leave nothing behind in the registry."""

from collections.abc import Iterator

import pytest

from helixnas.nn import operations


@pytest.fixture
def registry() -> Iterator[None]:
    """Put the registry of operations back as it was."""
    before = dict(operations._BUILDERS)
    yield
    operations._BUILDERS.clear()
    operations._BUILDERS.update(before)
