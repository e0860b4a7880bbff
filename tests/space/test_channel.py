"""The space of Channel-Bench-Macro: its codes, its size, and what cannot be built."""

import pytest

from helixnas.errors import SpaceError
from helixnas.space import channel, from_widths, load_space, space_to_dict


def test_every_code_names_a_network_of_its_own() -> None:
    space = channel()
    digits = "1234"
    codes = [a + b + "1" + d + e + f + g for a in digits for b in digits for d in digits for e in digits
             for f in digits for g in digits]  # fmt: skip
    assert len({from_widths(code, space) for code in codes}) == 4**6
    assert all(from_widths(code, space) in space for code in codes[::97])


def test_a_code_lists_widths_in_the_order_of_the_layers() -> None:
    found = from_widths("1234123")
    assert [path.width for path in found.paths] == [32, 64, 768]
    hidden = [dict(operation.options).get("hidden") for path in found.paths for operation in path.operations]
    assert hidden == [None, 384, 576, 768, 768, None]


def test_the_space_can_be_written_down_and_read_again() -> None:
    assert load_space(space_to_dict(channel())) == channel() == load_space("channel")


@pytest.mark.parametrize("code", ["123412", "12341234", "0234123", "5234123", "x234123"])
def test_a_code_of_other_digits_is_refused(code: str) -> None:
    with pytest.raises(SpaceError, match="must be 7 digits, each 1 to 4"):
        from_widths(code)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"largest": (8, 8)}, "a channel space has 7 widths, not 2"),
        ({"largest": (128, 768, 768, 768, 256, 1536, 30)}, "must be a multiple of num_widths=4, not 30"),
        ({"num_widths": 0}, "must be a multiple of num_widths=0, not 0"),
    ],
)
def test_wrong_widths_are_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpaceError) as raised:
        channel(**arguments)  # type: ignore[arg-type]
    assert sentence in str(raised.value)
