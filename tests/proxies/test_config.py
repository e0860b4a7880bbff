"""Settings of zero-cost proxies."""

import pytest

from helixnas.errors import HelixError
from helixnas.proxies import PROXIES, ProxiesConfig


def test_proxies_are_off_by_default_and_every_one_can_be_named() -> None:
    assert ProxiesConfig().num_networks == 0
    assert ProxiesConfig(scores=PROXIES).scores == PROXIES


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"scores": ()}, "proxies.scores must name at least one proxy, each once, not []"),
        ({"scores": ("naswot", "naswot")}, "each once, not ['naswot', 'naswot']"),
        ({"scores": ("nasvot",)}, "nasvot"),
        ({"num_networks": 2}, "proxies.num_networks must be 0 or at least 3"),
        *(({"scores": (name,), "batch_size": 1}, "batch_size must be at least 2, not 1") for name in PROXIES),
        (
            {"scores": ("snip", "zico"), "batch_size": 3},
            "proxies.batch_size must be at least 4 for zico, which compares",
        ),
    ],
)
def test_wrong_settings_are_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(HelixError) as raised:
        ProxiesConfig(**values)  # type: ignore[arg-type]
    assert sentence in str(raised.value)


@pytest.mark.parametrize(("name", "batch_size"), [("zico", 4), ("gradnorm", 2), ("snip", 2), ("naswot", 2)])
def test_the_smallest_batches_are_taken(name: str, batch_size: int) -> None:
    assert ProxiesConfig(scores=(name,), batch_size=batch_size).batch_size == batch_size
