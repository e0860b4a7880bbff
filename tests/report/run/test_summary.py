"""The top of the page: figures beside the teacher's, with intervals."""

import re
from dataclasses import replace
from typing import Any

from helixnas.report.reading import read_run
from helixnas.report.run.summary import limits_text, missing_rows, summary_section


def cells(body: str, row: int) -> list[str]:
    return re.findall(r"<td[^>]*>(.*?)</td>", body.split("<tr>")[row + 2])


def test_the_teacher_stands_above_the_searches(finished: Any) -> None:
    body = summary_section(read_run(finished.folder)).body
    assert cells(body, 0) == [
        "teacher (small_resnet)", "\u2013", "2 k", "400 k", "100 %", "75.00 %", "59.8 to 85.8 %", "40",
    ]  # fmt: skip
    assert cells(body, 1) == [
        "small", "macs\u00a0\u2264\u00a040%", "900", "120 k", "30.0 %", "50.00 %", "40.4 to 59.6 %", "100",
    ]  # fmt: skip


def test_the_proof_names_the_size_of_the_space(finished: Any) -> None:
    run = read_run(finished.folder)
    assert f"proven best of {finished.space.size:,} networks" in summary_section(run).body


def test_it_is_said_how_the_weights_of_the_teacher_were_read(finished: Any) -> None:
    run = read_run(finished.folder)
    assert "The teacher's weights" not in summary_section(run).body
    stage = run.record.stages["teacher"]
    loaded = replace(stage, facts={**stage.facts, "weights": "w.pt (inside 'model'; 4 of 5 tensors)"})
    body = summary_section(replace(run, record=run.record.with_stage("teacher", loaded))).body
    assert "The teacher&#39;s weights: w.pt (inside &#39;model&#39;; 4 of 5 tensors)." in body


def test_a_search_without_limits_says_none(finished: Any) -> None:
    search = read_run(finished.folder).searches[0]
    assert limits_text(replace(search, asked={"max": {}, "min": {}})) == "none"


def test_what_the_report_could_also_show_has_its_command(finished: Any) -> None:
    run = read_run(finished.folder)
    (row,) = missing_rows(replace(run, latency=None))
    assert row == ("latency, to limit it", f"<code>helixnas costs {finished.folder} --latency onnxruntime-cpu</code>")
    planned = [what for what, _ in missing_rows(replace(run, stitching=None))]
    assert planned == ["how well scores add up, on stitched networks"]
    assert missing_rows(replace(run, stitching=None, settings={"stitching": {"num_architectures": 0}})) == []


def test_a_run_whose_recipe_leaves_retraining_out_is_not_told_to_retrain(finished: Any) -> None:
    run = read_run(finished.folder)
    searches = tuple(replace(search, metrics={}, inherited={}) for search in run.searches)
    wanted = [what for what, _ in missing_rows(replace(run, searches=searches, settings={}))]
    assert wanted == ["accuracy of the networks found", "fine-tuning from inherited weights"]
    assert missing_rows(replace(run, searches=searches, settings={"retrain": None})) == []
