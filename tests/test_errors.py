"""Errors: one family, each also the built-in a caller would expect."""

import pickle
from pathlib import Path

import pytest

from helixnas import errors
from helixnas.errors import ConfigError, HelixError, Stage, UnknownNameError, during, stage_of

BUILT_INS = {
    "ArtifactError": OSError,
    "ConfigError": ValueError,
    "DataError": ValueError,
    "ExportError": ValueError,
    "InfeasibleBudgetError": ValueError,
    "Interrupted": KeyboardInterrupt,
    "JobError": RuntimeError,
    "NonFiniteLossError": ArithmeticError,
    "CollapseError": ArithmeticError,
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


def test_of_many_known_names_the_five_nearest_are_listed() -> None:
    many = [f"model_{number}" for number in range(1200)]
    near = str(UnknownNameError("model", "model_7777", many))
    assert near == "unknown model 'model_7777'; did you mean model_777, model_77, model_977, model_877 or model_797?"
    far = str(UnknownNameError("model", "zz", many))
    assert far.startswith("unknown model 'zz'; the nearest of 1,200 are model_")
    assert far.count("model_") == 5


def test_the_first_stage_of_an_error_is_noted_and_the_error_stays_what_it_was() -> None:
    error = KeyError("x")
    with (
        pytest.raises(KeyError) as caught,
        during(Stage("a", ("b",), Path("run"))),
        during(Stage("in", (), Path("run"))),
    ):
        raise error
    assert caught.value is error
    assert stage_of(error) == Stage("in", (), Path("run"))
    assert error.__notes__ == ["This happened in the stage in of run."]


def test_an_error_of_helixnas_is_not_noted() -> None:
    error = ConfigError("x")
    with pytest.raises(ConfigError), during(Stage("a", (), Path("run"))):
        raise error
    assert stage_of(error) is None
    assert not hasattr(error, "__notes__")


def test_a_name_that_is_no_text_is_answered_too() -> None:
    assert str(UnknownNameError("verb", 3, ("rate", 3))) == "unknown verb 3; did you mean 3?"
    assert str(UnknownNameError("verb", None, ("rate",))) == "unknown verb None; known: rate"
