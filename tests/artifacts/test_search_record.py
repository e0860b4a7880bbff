"""The record of a search is read back as it was written, and a damaged one is one sentence."""

import json
from pathlib import Path

import pytest

from helixnas.artifacts.search_record import RunnerUp, SearchRecord
from helixnas.errors import ArtifactError
from helixnas.search.config import SearchConfig, search_config


def record() -> SearchRecord:
    return SearchRecord(
        status="optimal",
        architecture="8:a 8:b",
        score=0.5,
        costs={"macs": 10},
        teacher={"macs": 40},
        config=SearchConfig(max={"macs": "25%"}, weights=(1.0, 0.5), front=("macs",)).to_dict(),
        upper={"macs": 10},
        lower={},
        front_over=("macs",),
        seconds=0.25,
        space_size=10**20,
        latency=None,
        runners_up=(RunnerUp(architecture="8:b 8:b", difference=0.25, standard_error=None),),
        warnings=("the limits change nothing",),
    )


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record().save(tmp_path / "result.json")
    found = SearchRecord.load(tmp_path / "result.json")
    assert found == record()
    assert search_config(found.config) == SearchConfig(max={"macs": "25%"}, weights=(1.0, 0.5), front=("macs",))


def test_a_record_of_an_older_run_has_no_warnings(tmp_path: Path) -> None:
    record().save(tmp_path / "result.json")
    values = json.loads((tmp_path / "result.json").read_text())
    del values["warnings"]
    (tmp_path / "result.json").write_text(json.dumps(values))
    found = SearchRecord.load(tmp_path / "result.json")
    assert (found.warnings, found.config) == ((), record().config)


@pytest.mark.parametrize("field", ["status", "limits", "space_size", "runners_up", "front_over"])
def test_a_record_that_lacks_a_field_is_one_sentence(tmp_path: Path, field: str) -> None:
    file = tmp_path / "result.json"
    record().save(file)
    values = json.loads(file.read_text())
    del values[field]
    file.write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match=r"result\.json is truncated or damaged .*; delete it to repeat its stage"):
        SearchRecord.load(file)
