"""Errors: one family, each also the built-in a caller would expect."""

import pickle

import pytest

from helixnas import errors
from helixnas.errors import HelixError, UnknownNameError

BUILT_INS = {
    "ArtifactError": OSError,
    "ConfigError": ValueError,
    "DataError": ValueError,
    "ExportError": ValueError,
    "InfeasibleBudgetError": ValueError,
    "Interrupted": KeyboardInterrupt,
    "NonFiniteLossError": ArithmeticError,
    "OutOfMemoryError": MemoryError,
    "SpaceError": ValueError,
    "TeacherError": ValueError,
    "UnknownNameError": LookupError,
}


def make(name: str) -> HelixError:
    """Return an error of a class by name."""
    if name == "UnknownNameError":
        return UnknownNameError("operation", "mb3_k8", ("mb3_k3", "mb6_k5"))
    return getattr(errors, name)("blocks: 3 is right, not 0")


def test_every_error_is_listed_here() -> None:
    classes = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, HelixError)}
    assert classes - {"HelixError"} == set(BUILT_INS)


@pytest.mark.parametrize("name", BUILT_INS)
def test_an_error_is_caught_by_its_family_and_by_its_built_in(name: str) -> None:
    for expected in (HelixError, BUILT_INS[name]):
        with pytest.raises(expected):
            raise make(name)


@pytest.mark.parametrize("name", BUILT_INS)
def test_an_error_keeps_its_class_and_sentence_on_the_way_from_a_worker_process(name: str) -> None:
    error = make(name)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    error = UnknownNameError("operation", "mb3_k8", ("mb6_k5", "mb3_k3", "mb3_k5", "identity"))
    assert str(error).startswith("unknown operation 'mb3_k8'; did you mean mb3_k")
    assert "identity" not in str(error)


def test_a_name_like_no_other_is_answered_with_all_of_them_in_order() -> None:
    assert str(UnknownNameError("verb", "xyz", ("search", "rate"))) == "unknown verb 'xyz'; known: rate, search"
    assert str(UnknownNameError("verb", "xyz", ())) == "unknown verb 'xyz'; known: none"
