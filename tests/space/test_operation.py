"""Operation: names, options, plain values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helixnas.errors import SpaceError
from helixnas.space import Operation

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_+-]{0,8}", fullmatch=True)
VALUES = st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans()


def test_equal_options_make_equal_operations_in_any_order() -> None:
    one = Operation("mb3_k5", "mbconv", (("kernel", 5), ("expansion", 3)))
    other = Operation.of("mb3_k5", kind="mbconv", expansion=3, kernel=5)
    assert one == other
    assert hash(one) == hash(other)
    assert one != Operation.of("mb3_k5", kind="mbconv", expansion=3, kernel=7)


def test_an_option_that_is_not_set_has_the_default_given() -> None:
    operation = Operation.of("mb3_k5", kind="mbconv", kernel=5)
    assert operation.option("kernel", 3) == 5
    assert operation.option("expansion", 6) == 6
    assert operation.option("expansion") is None


@settings(max_examples=60)
@given(name=NAMES, kind=NAMES, options=st.dictionaries(NAMES.filter(lambda name: name != "kind"), VALUES, max_size=4))
def test_plain_values_read_back_give_the_same_operation(name: str, kind: str, options: dict[str, int]) -> None:
    operation = Operation(name, kind, tuple(options.items()))
    assert Operation.from_dict(name, operation.to_dict()) == operation


@pytest.mark.parametrize("name", ["", "3x3", "a,b", "a:b", "a b", "a.b", "é"])
def test_a_name_that_would_break_a_path_or_a_module_is_refused(name: str) -> None:
    with pytest.raises(SpaceError, match=r"is not usable in a path; use letters, digits, '_', '\+' or '-', beginning"):
        Operation(name, "mbconv")


@pytest.mark.parametrize("values", [{}, {"kernel": 3}, {"kind": 3}, "mbconv", None])
def test_an_operation_without_a_kind_is_refused(values: object) -> None:
    with pytest.raises(SpaceError, match="operation 'conv' needs a kind, for example {kind: mbconv, kernel: 3"):
        Operation.from_dict("conv", values)


def test_an_option_that_json_would_change_is_refused() -> None:
    with pytest.raises(SpaceError, match="option 'kernel' of operation 'conv' must be a number, a text or true/false"):
        Operation.from_dict("conv", {"kind": "conv", "kernel": [3, 3]})
