"""search and verify with block weights so small that an absolute tolerance would accept any network."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts.front import Front
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.cli import main
from helixnas.pipeline.work.search import ARCHITECTURE, CERTIFICATE, FRONT, RESULT, load_tables
from helixnas.search import Budget, Certificate, enumerate_answers
from helixnas.search.instance import SCORE_UNIT
from helixnas.space import load_space

TINY_WEIGHTS = ["--weights", "1e-7,1e-7", "--max", "params=100k"]


def put_in_the_worst(folder: RunFolder, name: str) -> None:
    """Exchange the answer of a search for the worst network within its limits, in all files that hold it."""
    search, space = folder.search(name), load_space(folder.load_settings()["space"])
    certificate = Certificate.load(search / CERTIFICATE)
    tables = load_tables(folder, folder.load_record())
    instance = tables.instance(certificate.resources, weights=certificate.weights)
    *better, worst = enumerate_answers(instance, Budget(upper=certificate.upper))
    assert worst.score > better[0].score
    changes = {"score": worst.score, "bound": worst.score, "costs": dict(worst.costs), "num_answers": 1}
    replace(certificate, architecture=worst.labels or (), **changes).save(search / CERTIFICATE)
    record = replace(SearchRecord.load(search / RESULT), architecture=worst.text.strip(), costs=dict(worst.costs))
    replace(record, score=worst.score * SCORE_UNIT, runners_up=()).save(search / RESULT)
    (search / ARCHITECTURE).write_text(space.parse(worst.text).to_json())
    costs = {name: np.array([cost]) for name, cost in worst.costs.items()}
    score = np.array([worst.score * SCORE_UNIT])
    Front(score=score, resources=costs, architecture=(worst.text.strip(),)).save(search / FRONT)


def test_tiny_weights_of_blocks_are_verified_relative_to_the_scores(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", run, "--name", "faint", *TINY_WEIGHTS]) == 0
    assert main(["search", run, "--name", "plain", "--max", "params=100k"]) == 0
    plain, faint = (
        json.loads((Path(run) / "searches" / name / ARCHITECTURE).read_text()) for name in ("plain", "faint")
    )
    assert plain == faint
    assert main(["verify", run, "--name", "faint"]) == 0
    assert "optimum: confirmed by HiGHS" in " ".join(capsys.readouterr().out.split())
    put_in_the_worst(RunFolder(Path(run)), "faint")
    assert main(["verify", run, "--name", "faint"]) == 2
    assert "optimum: refuted by HiGHS" in " ".join(capsys.readouterr().out.split())


def test_weights_that_leave_nothing_of_the_scores_are_refused(run: str, complaint: Callable[..., str]) -> None:
    said = complaint("search", run, "--name", "nothing", "--weights", "1e-13,1e-13")
    assert "with these weights of the blocks, scores differ by at most " in said
    assert "multiply all weights by 1e+14, which keeps the order" in said
