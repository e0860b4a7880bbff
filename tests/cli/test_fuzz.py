"""A thousand broken recipes and artifacts: each gives one clear sentence, or works as before."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helixnas.artifacts import CostTable, Front, RatingTable, RunRecord
from helixnas.cli import main
from helixnas.cli.settings import read_recipe
from helixnas.engine.history import load_history
from helixnas.errors import HelixError
from helixnas.pipeline.recipe import Recipe
from helixnas.teacher.weights import read_weights

TINY = yaml.safe_load((Path(__file__).parents[1] / "pipeline" / "tiny.yaml").read_text())

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "~", "../x", "0", "-1", "nan", "60%", "1e9999", "mbconv", "[", "\x00", "ä"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where a recipe can be broken: the way to every value in it."""
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*at, key))
    return found


PLACES = places(TINY)


def replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of a recipe in which one value is another."""
    if not at:
        return new
    if isinstance(value, list):
        return [replaced(item, at[1:], new) if i == at[0] else item for i, item in enumerate(value)]
    return {key: replaced(item, at[1:], new) if key == at[0] else item for key, item in value.items()}


def assert_one_sentence(message: str, naming: Path | None = None) -> None:
    assert naming is None or str(naming) in message
    assert len(message.strip()) > 20
    assert "\n" not in message
    assert "Traceback" not in message


@pytest.mark.slow
@settings(max_examples=700, deadline=None)
@given(at=st.sampled_from(PLACES), new=VALUES, cut=st.integers(0, 400), how=st.sampled_from(["value", "value", "text"]))
def test_a_broken_recipe_is_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, at: tuple[Any, ...], new: Any, cut: int, how: str
) -> None:
    text = yaml.safe_dump(replaced(TINY, at, new), allow_unicode=True)
    file = tmp_path_factory.getbasetemp() / "broken.yaml"
    file.write_text(text if how == "value" else f"{text[:cut]}{new}{text[cut + 3 :]}", encoding="utf-8")
    try:
        recipe = read_recipe(str(file))
    except HelixError as error:
        assert_one_sentence(str(error))
        return
    assert isinstance(recipe, Recipe)
    try:
        assert yaml.safe_load(yaml.safe_dump(recipe.to_dict())) is not None
    except HelixError as error:
        assert_one_sentence(str(error))


READERS: dict[str, Callable[[Path], Any]] = {
    "record.json": RunRecord.load,
    "costs.parquet": CostTable.load,
    "ratings/block-1.parquet": RatingTable.load,
    "history/distill.parquet": load_history,
    "searches/small/front.parquet": Front.load,
    "teacher/model.safetensors": read_weights,
    "supernet/block-2.safetensors": read_weights,
}
"""Files of a run and what reads each."""


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(READERS)), harm=st.sampled_from(["cut", "flip", "fill"]), draw=st.randoms())
def test_a_broken_artifact_is_one_sentence(searched: Path, tmp_path: Path, name: str, harm: str, draw: Any) -> None:
    file = tmp_path / Path(name).name
    file.write_bytes(damaged((searched / name).read_bytes(), harm, draw))
    try:
        READERS[name](file)
    except HelixError as error:
        assert_one_sentence(str(error), naming=file)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["record.json", "config.yaml", "costs.parquet", "ratings/block-2.parquet"]),
    harm=st.sampled_from(["cut", "flip", "fill"]),
    draw=st.randoms(),
)
def test_a_search_of_a_broken_run_is_one_sentence(
    searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, harm: str, draw: Any
) -> None:
    run = tmp_path / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(searched, run)
    (run / name).write_bytes(damaged((run / name).read_bytes(), harm, draw))
    code = main(["search", str(run), "--max", "macs=80%"])
    said = capsys.readouterr().err
    assert (code, said.count("\n")) in ((0, 0), (2, 1))
    assert "Traceback" not in said


def damaged(content: bytes, harm: str, draw: Any) -> bytes:
    """Return a file's bytes cut short, with some changed, or with a stretch overwritten."""
    where = draw.randrange(len(content))
    if harm == "cut":
        return content[:where]
    changed = bytearray(content)
    if harm == "flip":
        for _ in range(draw.randint(1, 8)):
            changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    else:
        changed[where : where + draw.randint(1, 64)] = bytes(draw.randrange(256) for _ in range(draw.randint(0, 64)))
    return bytes(changed)
