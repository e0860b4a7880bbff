"""Reading YAML files: mappings only, without duplicate keys."""

from pathlib import Path

import pytest

from helixnas.cli.yaml_file import load_yaml
from helixnas.errors import ConfigError


def load(tmp_path: Path, text: str) -> dict[str, object]:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return load_yaml(file, what="study", such_as="the field base")


def test_keys_become_text_and_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff30: {a: 1}") == {"30": {"a": 1}}


def test_several_merges_are_no_duplicate(tmp_path: Path) -> None:
    found = load(tmp_path, "a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b\n")
    assert found["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the study .*mine.yaml must hold the field base, not nothing"),
        ("[1]", "must hold the field base, not list"),
        ("a: [", "is not YAML"),
        ("a: {b: 1, b: 2}", "'b' is given twice"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        load(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the recipe .*: No such file"):
        load_yaml(tmp_path / "none.yaml")
