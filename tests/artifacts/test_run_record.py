"""RunRecord: what is done, with which settings, and whether its files are whole."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helixnas.artifacts import RunRecord, StageRecord, config_key
from helixnas.artifacts.files import read_json, write_json
from helixnas.errors import ArtifactError

STAGE = StageRecord(
    key="0" * 16,
    settings={"lr": 0.5, "model": "dna_c"},
    files={"ratings/block-1.parquet": 3},
    seconds=1.5,
    finished="2024-01-01T00:00:00+00:00",
    facts={"accuracy": 0.75},
    core_seconds=2.5,
)


def test_a_saved_record_reads_back(tmp_path: Path) -> None:
    record = RunRecord(recipe="name: digits\n", versions={"torch": "2.9"}).with_stage("rate", STAGE)
    record.save(tmp_path / "run.json")
    assert RunRecord.load(tmp_path / "run.json") == record


def test_a_record_from_before_processor_time_was_kept_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    RunRecord(recipe="r").with_stage("rate", STAGE).save(file)
    values = read_json(file)
    del values["stages"]["rate"]["core_seconds"]
    write_json(file, values)
    assert RunRecord.load(file).stages["rate"].core_seconds is None
    values["stages"]["rate"]["core_seconds"] = "long"
    write_json(file, values)
    with pytest.raises(ArtifactError, match="core_seconds is of another type"):
        RunRecord.load(file)


def test_a_stage_is_added_and_taken_away_in_a_copy() -> None:
    empty = RunRecord(recipe="r")
    full = empty.with_stage("rate", STAGE)
    assert (empty.stages, full.stages) == ({}, {"rate": STAGE})
    assert full.without_stage("rate") == full.without_stage("rate").without_stage("rate") == empty


def test_a_file_that_is_gone_or_of_another_size_is_found(tmp_path: Path) -> None:
    assert STAGE.missing(tmp_path) == "ratings/block-1.parquet"
    (tmp_path / "ratings").mkdir()
    file = tmp_path / "ratings" / "block-1.parquet"
    file.write_bytes(b"abc")
    assert STAGE.missing(tmp_path) is None
    file.write_bytes(b"ab")
    assert STAGE.missing(tmp_path) == "ratings/block-1.parquet"


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.none(), max_size=6))
def test_a_key_depends_on_the_settings_and_not_on_their_order(settings: dict[str, object]) -> None:
    turned = dict(reversed(list(settings.items())))
    assert config_key(settings) == config_key(turned)
    assert config_key(settings) != config_key({**settings, "\0one more": 1})


def test_a_key_depends_on_every_stage_before() -> None:
    keys = {
        config_key({}),
        config_key({}, "a"),
        config_key({}, "b"),
        config_key({}, "a", "b"),
        config_key({}, "b", "a"),
    }
    assert len(keys) == 5
    assert all(len(key) == 16 for key in keys)
    assert config_key({"folder": Path("x")}) == config_key({"folder": Path("x")})


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"stages": {"rate": {"key": "x"}}},
        {"stages": None},
        {"stages": {"rate": 3}},
        {"recipe": ...},
    ],
)
def test_a_damaged_record_is_one_sentence(change: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    RunRecord(recipe="r").save(file)
    values = {key: value for key, value in {**read_json(file), **change}.items() if value is not ...}
    write_json(file, values)
    with pytest.raises(
        ArtifactError, match=r"run\.json is truncated or damaged \(.*\); choose another folder, or start over"
    ):
        RunRecord.load(file)


@pytest.mark.parametrize("values", [[], 3, None])
def test_json_of_something_else_is_damage(values: object, tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", values)
    with pytest.raises(ArtifactError, match="is truncated or damaged"):
        RunRecord.load(tmp_path / "run.json")


def test_another_format_is_named(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    RunRecord(recipe="r").save(file)
    write_json(file, {**read_json(file), "version": 2})
    with pytest.raises(ArtifactError, match=r"was written by another HelixNAS \(format 2; this one reads 1\)"):
        RunRecord.load(file)
