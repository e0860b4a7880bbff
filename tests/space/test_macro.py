"""NAS-Bench-Macro's codes: 6,561 names of 3,969 networks."""

import itertools

import pytest

from helixnas.errors import SpaceError
from helixnas.space import from_code, macro

CODES = ["".join(digits) for digits in itertools.product("012", repeat=8)]


def test_all_codes_name_every_network_of_the_space() -> None:
    space = macro()
    networks = {from_code(code, space) for code in CODES}
    assert (len(CODES), len(networks), space.size) == (6_561, 3_969, 3_969)
    assert all(network in space for network in networks)
    assert len({network.text for network in networks}) == 3_969


@pytest.mark.parametrize("code", ["02012100", "11111221", "00000000", "22212220"])
def test_a_later_identity_shortens_its_block_wherever_it_stands(code: str) -> None:
    architecture = from_code(code)
    kept = [digits[0] + digits[1:].replace("0", "") for digits in (code[:2], code[2:5], code[5:])]
    assert [path.depth for path in architecture.paths] == [len(digits) for digits in kept]
    names = {"0": "identity", "1": "mb3_k3", "2": "mb6_k5"}
    assert [op.name for path in architecture.paths for op in path.operations] == [names[d] for d in "".join(kept)]


def test_an_identity_before_or_after_a_layer_is_the_same_network() -> None:
    assert from_code("11102120") == from_code("11120120") == from_code("11120102")


def test_other_widths_and_depths_take_codes_of_their_length() -> None:
    space = macro(widths=(16, 32), depths=(1, 2))
    assert space.size == 3 * (3 + 6)
    assert from_code("210", space).text == "16:mb6_k5 32:mb3_k3"


@pytest.mark.parametrize("code", ["", "2221222", "222122200", "22212223", "2221222a"])
def test_a_code_of_another_length_or_digit_is_refused(code: str) -> None:
    with pytest.raises(SpaceError, match=f"code {code!r} must be 8 digits, each 0, 1 or 2"):
        from_code(code)


def test_widths_and_depths_of_different_number_are_refused() -> None:
    with pytest.raises(SpaceError, match="widths and depths need one entry per block, not 3 and 1"):
        macro(depths=(2,))
