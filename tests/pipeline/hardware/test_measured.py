"""The file of measured throughput: what it holds, and one sentence for what it must not hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from helixnas.errors import ArtifactError
from helixnas.pipeline import stages
from helixnas.pipeline.hardware.measured import KIND_OF, KINDS, MeasuredThroughput

GOOD = {"format": "helixnas hardware", "version": 1, "device": "one", "macs_per_second": {"distill": 4e9, "rate": 2}}


def written(folder: Path, values: Any) -> Path:
    file = folder / "my.json"
    file.write_text(json.dumps(values))
    return file


def test_a_file_by_hand_is_read_and_written_again(tmp_path: Path) -> None:
    found = MeasuredThroughput.load(written(tmp_path, GOOD))
    assert found == MeasuredThroughput(device="one", macs_per_second={"distill": 4e9, "rate": 2.0})
    assert (found.speed("distill"), found.speed("stitch"), found.missing) == (4e9, 2.0, ["train"])
    found.save(tmp_path / "again.json")
    assert MeasuredThroughput.load(tmp_path / "again.json") == found


def test_a_kind_that_was_not_measured_counts_as_the_slowest() -> None:
    assert MeasuredThroughput(device="one", macs_per_second={"distill": 4.0, "rate": 3.0}).speed("teacher") == 3.0


def test_every_stage_that_takes_time_has_a_kind() -> None:
    timed = {stage.name for stage in stages.STAGES if stage.seconds is not None}
    assert timed == set(KIND_OF)
    assert set(KIND_OF.values()) == set(KINDS)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"macs_per_second": {}}, "macs_per_second is empty; name train, distill, rate"),
        ({"macs_per_second": {"search": 1.0}}, "macs_per_second has 'search', which is no kind of work"),
        ({"macs_per_second": {"rate": 0}}, "macs_per_second.rate must be a number above 0, not 0.0"),
        ({"macs_per_second": {"rate": "fast"}}, "macs_per_second is of another type"),
        ({"macs_per_second": {"rate": float("inf")}}, "macs_per_second.rate must be a number above 0, not inf"),
        ({"speed": 1}, "unexpected keyword argument 'speed'"),
        ({"format": "other"}, "format 'other'"),
        ({"version": 2}, "was written by another HelixNAS (format 2; this one reads 1)"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path, changed: Any, message: str) -> None:
    file = written(tmp_path, {**GOOD, **changed})
    with pytest.raises(ArtifactError) as error:
        MeasuredThroughput.load(file)
    assert message in str(error.value)
    assert str(file) in str(error.value)
    if "version" not in changed:
        assert 'it must look like {"format": "helixnas hardware", "version": 1' in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot read .*my.json: there is no such file"):
        MeasuredThroughput.load(tmp_path / "my.json")
