"""Missing libraries are named with the way to install them."""

import pytest

from helixnas.errors import ConfigError
from helixnas.transfer.extra import LIBRARIES, require_extra


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_extra(*LIBRARIES)
    monkeypatch.setattr("helixnas.transfer.extra.find_spec", lambda name: None if name == "torchmetrics" else name)
    with pytest.raises(ConfigError, match=r"need torchmetrics, not installed here: pip install 'helixnas\[transfer\]'"):
        require_extra(*LIBRARIES)
