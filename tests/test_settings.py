"""Settings: one annotated field gives range, unit, help and message; configs never import torch."""

import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import MISSING, FrozenInstanceError, asdict, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

import helixnas
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.pipeline.recipe import Recipe
from helixnas.settings import (
    Ge,
    Gt,
    Le,
    OneOf,
    Unit,
    build,
    check_value,
    limits,
    locate,
    sections,
    settings,
    settings_class,
)


@settings("fit")
class Fit:
    """How to fit."""

    lr: Annotated[float, Gt(0)] = 0.5
    """Learning
    rate."""

    num: Annotated[int, Ge(1), Unit("images")] = 3
    share: Annotated[float, Ge(0), Le(1)] = 1.0
    schedule: Literal["cosine", "step"] = "cosine"
    scores: tuple[Annotated[str, OneOf(("relative_l1", "task_kl"))], ...] = ()
    weights: tuple[Annotated[float, Ge(0)], ...] = ()
    limit_s: Annotated[float, Ge(0)] | None = None
    amounts: Mapping[str, str | int | float] = field(default_factory=dict[str, str | int | float])
    cache: bool | Literal["auto"] = "auto"
    space: str | dict[str, Any] = "mbconv"

    def __post_init__(self) -> None:
        if self.lr > self.num:
            raise ConfigError("fit.lr must not exceed fit.num")


@settings("")
class Whole:
    """All of it."""

    fit: Fit = field(default_factory=Fit)
    """Training."""

    extra: Fit | None = None
    """Further training."""

    named: dict[str, Fit] = field(default_factory=dict[str, Fit])
    """Trainings by name."""


WRONG = [
    ({"lr": 0}, "fit.lr must be above 0, not 0"),
    ({"lr": float("inf")}, "fit.lr must be a finite number above 0, not inf"),
    ({"lr": float("nan")}, "fit.lr must be a finite number above 0, not nan"),
    ({"lr": "high"}, "fit.lr must be a number, not 'high'"),
    ({"lr": True}, "fit.lr must be a number, not True"),
    ({"lr": None}, "fit.lr must be a number, not null"),
    ({"num": 0}, "fit.num must be at least 1, not 0"),
    ({"num": 1.5}, "fit.num must be a whole number, not 1.5"),
    ({"share": 1.5}, "fit.share must be at least 0 and at most 1, not 1.5"),
    ({"schedule": "x"}, "fit.schedule must be one of cosine, step, not 'x'"),
    ({"weights": [1, -1]}, "each of fit.weights must be at least 0, not -1"),
    ({"weights": ["x"]}, "fit.weights must be a list of numbers, not ['x']"),
    ({"scores": "x"}, "fit.scores must be a list of texts, not 'x'"),
    ({"limit_s": -1}, "fit.limit_s must be at least 0, not -1"),
    ({"limit_s": "x"}, "fit.limit_s must be a number or null, not 'x'"),
    ({"amounts": 3}, "fit.amounts must be a mapping of names to values, not 3"),
    ({"amounts": {"macs": None}}, "fit.amounts.macs must be text or a number, not null"),
    ({"amounts": {1: 2}}, "the names in fit.amounts must be text, not 1"),
    ({"cache": "x"}, "fit.cache must be true or false or auto, not 'x'"),
    ({"space": 3}, "fit.space must be text or a mapping of names to values, not 3"),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG)
def test_a_wrong_value_is_one_sentence_with_the_file_and_the_dotted_name(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Whole, {"fit": values}, where="my.yaml")
    assert str(caught.value) == f"my.yaml: {sentence}"


def test_a_value_is_checked_where_settings_are_made_in_python_and_where_they_are_replaced() -> None:
    with pytest.raises(ConfigError, match="^fit.lr must be above 0, not -1$"):
        Fit(lr=-1)
    with pytest.raises(ConfigError, match="^fit.num must be at least 1, not 0$"):
        replace(Fit(), num=0)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"fi": 1}, "unknown setting in my.yaml: 'fi'; did you mean fit?"),
        ({3: 4}, "unknown setting in my.yaml: '3'; known: extra, fit, named"),
        ({"fit": {"lrr": 1}}, "unknown setting in my.yaml under fit: 'lrr'; did you mean lr?"),
        ({"named": {"a": {"lrr": 1}}}, "unknown setting in my.yaml under named.a: 'lrr'; did you mean lr?"),
        ({"fit": {"scores": ["task"]}}, "unknown fit.scores in my.yaml: 'task'; did you mean task_kl?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(values: dict[Any, Any], sentence: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build(Whole, values, where="my.yaml")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("name", "value"), [("fit", 3), ("fit", None), ("named", [1]), ("named", {"a": 1})])
def test_a_group_of_settings_must_be_a_mapping(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"my.yaml: {name}.* must hold settings \(lr, num, share, ...\), not"):
        build(Whole, {name: value}, where="my.yaml")


def test_plain_values_get_the_types_of_their_fields() -> None:
    whole = build(Whole, {"fit": {"lr": "1e-3", "num": 5, "weights": [1, "1e-2"], "cache": True}}, where="")
    assert (whole.fit.lr, whole.fit.weights, whole.fit.cache) == (0.001, (1.0, 0.01), True)
    assert isinstance(Fit(lr=1).lr, float)


def test_groups_may_be_left_out_be_null_or_have_names() -> None:
    whole = build(Whole, {"extra": None, "named": {"a": None, "b": {"num": 4}}}, where="")
    assert whole == Whole(named={"a": Fit(), "b": Fit(num=4)})


def test_rules_across_fields_come_after_the_fields() -> None:
    with pytest.raises(ConfigError, match="fit.lr must not exceed fit.num"):
        Fit(lr=4.0)


def test_settings_are_frozen_and_survive_a_pickle() -> None:
    config = Recipe(seed=3)
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(FrozenInstanceError):
        config.seed = 4  # type: ignore[misc]


def test_every_setting_is_described_once_with_type_range_unit_default_and_help() -> None:
    described = {section.name: section for section in sections(Whole)}
    assert list(described) == ["", "fit", "extra", "named.NAME"]
    assert [section.optional for section in described.values()] == [False, False, True, False]
    assert described["fit"].help == "Training."
    lr, num, share, schedule, scores, *_ = described["fit"].settings
    assert (lr.name, lr.type, lr.default, lr.help) == ("fit.lr", "a number, above 0", 0.5, "Learning rate.")
    assert num.type == "a whole number (images), at least 1"
    assert share.type == "a number, at least 0 and at most 1"
    assert schedule.type == "one of cosine, step"
    assert scores.type == "a list of texts: relative_l1, task_kl"


def test_every_setting_of_a_recipe_has_help() -> None:
    assert [setting.name for section in sections(Recipe) for setting in section.settings if not setting.help] == []


def defaults(kind: Any) -> list[tuple[Any, str, Any]]:
    """Return the defaults of a settings class and of those inside it."""
    found: list[tuple[Any, str, Any]] = []
    for each in fields(kind):
        inner = settings_class(kind.__annotations__[each.name])
        found += defaults(inner) if inner else [(kind, each.name, each.default)]
    return found


def test_every_default_of_a_recipe_is_in_range() -> None:
    for kind, name, value in defaults(Recipe):
        if value is not MISSING:
            assert check_value(kind, name, value, name=name) == value


def test_a_recipe_written_as_plain_values_is_read_as_the_same_recipe() -> None:
    plain = Recipe().to_dict()  # with the space written out
    assert build(Recipe, plain, where="").to_dict() == plain
    assert asdict(Whole())["fit"]["lr"] == 0.5


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("fit.limit-s", (("fit", "limit_s"), Fit, "limit_s")),
        ("named.my-name.amounts.a-b", (("named", "my-name", "amounts", "a-b"), Fit, "amounts")),
        ("named.my-name", (("named", "my-name"), Whole, "named")),
        ("fit", (("fit",), Whole, "fit")),
        ("fit.lrr", None),
        ("fits.lr", None),
    ],
)
def test_a_dotted_name_is_located_with_dashes_or_underscores(name: str, place: Any) -> None:
    assert locate(Whole, name) == place


def test_a_large_bound_is_a_power_of_two() -> None:
    assert limits(Annotated[int, Le(2**63)]) == "at most 2^63"


ROOMS = Path(helixnas.__file__).parent
LIGHT = (
    *(".".join(("helixnas", *file.relative_to(ROOMS).with_suffix("").parts)) for file in ROOMS.rglob("config.py")),
    "helixnas.settings",
    "helixnas.pipeline.recipe",
    "helixnas.space",
    "helixnas.artifacts",
    "helixnas.search",
)
HEAVY = ("torch", "torchvision", "timm", "accelerate", "pandas", "pyarrow", "scipy", "sklearn")


def test_configs_and_the_decision_core_import_nothing_heavy() -> None:
    code = f"""
import importlib, sys
for name in {LIGHT!r}:
    importlib.import_module(name)
    loaded = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]
    assert not loaded, (name, loaded)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_that_keep_their_defaults_need_no_check() -> None:
    code = """
import sys
from helixnas.pipeline.recipe import Recipe
Recipe()
assert "pydantic" not in sys.modules
Recipe(seed=1)
assert "pydantic" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_zoo_registers_its_models_with_timm_and_its_name_needs_no_torch() -> None:
    code = """
import sys
from helixnas.space import HELIXNAS
assert "torch" not in sys.modules
import helixnas.zoo, timm
assert timm.list_models(HELIXNAS) == [HELIXNAS]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
