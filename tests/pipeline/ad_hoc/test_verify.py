"""Certificates of a run against its tables."""

from dataclasses import replace

import pytest

from helixnas.artifacts import RatingTable
from helixnas.artifacts.files import read_text, write_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, InfeasibleBudgetError, UnknownNameError
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.ad_hoc.verify import verify_run
from helixnas.pipeline.work.search import CERTIFICATE
from helixnas.search import Certificate
from helixnas.search.config import SearchConfig


def problems(folder: RunFolder) -> str:
    ((_, found),) = verify_run(folder, "small", time_limit_s=60.0)
    return "; ".join(found.problems)


def test_the_certificates_of_every_search_hold(copy: RunFolder) -> None:
    search_run(copy, "weighed", SearchConfig(max={"macs": "150%"}, min={"params": "1k"}, weights=(0.25, 1.0)))
    search_run(copy, "both", SearchConfig(scores=("relative_l1", "task_kl"), max={"macs": "150%"}))
    with pytest.raises(InfeasibleBudgetError):
        search_run(copy, "none", SearchConfig(max={"macs": "1k"}))
    found = dict(verify_run(copy, None, time_limit_s=60.0))
    assert list(found) == ["both", "none", "small", "weighed"]
    assert all(each.holds and each.verdict == "confirmed" for each in found.values())
    assert found["none"].claim == "infeasible"


def test_without_time_nothing_is_confirmed_and_nothing_refuted(copy: RunFolder) -> None:
    ((_, found),) = verify_run(copy, "small", time_limit_s=0.0)
    assert (found.holds, found.verdict) == (True, "not confirmed")
    assert "optimum: not confirmed by HiGHS" in found.sentence


def test_ratings_that_changed_since_are_noticed(copy: RunFolder) -> None:
    table = RatingTable.load(copy.rating(1))
    replace(table, scores={"relative_l1": table.scores["relative_l1"] * 1.5}).save(copy.rating(1))
    said = problems(copy)
    assert "the certificate is of other scores or costs" in said
    assert "the ratings sum to" in said


def test_an_architecture_that_was_exchanged_is_noticed(copy: RunFolder) -> None:
    ((_, other),) = search_run(copy, "other", SearchConfig(max={"macs": "70%"}))
    write_text(copy.search("small") / "architecture.json", other.architecture.to_json())
    assert f"architecture.json holds {other.architecture.text}, not" in problems(copy)


def test_figures_that_were_changed_by_hand_are_noticed(copy: RunFolder) -> None:
    file = copy.search("small") / CERTIFICATE
    certificate = Certificate.load(file)
    replace(certificate, costs={**certificate.costs, "macs": 7}, space_size=23).save(file)
    said = problems(copy)
    assert "macs is" in said
    assert "not 7" in said
    assert "the space of the settings holds 24 architectures" in said
    write_text(file, read_text(file).replace('"macs"', '"mads"'))
    with pytest.raises(UnknownNameError, match="unknown resource 'mads'; did you mean macs"):
        problems(copy)


def test_a_search_that_was_not_made_is_told(copy: RunFolder) -> None:
    with pytest.raises(UnknownNameError, match="unknown search 'smal'; did you mean small"):
        verify_run(copy, "smal", time_limit_s=1.0)
    (copy.search("small") / CERTIFICATE).unlink()
    with pytest.raises(ArtifactError, match="no search of .* has a certificate; make one with: helixnas search"):
        verify_run(copy, None, time_limit_s=1.0)


def test_a_space_that_was_removed_from_the_settings_is_told(copy: RunFolder) -> None:
    copy.config.write_text("name: tiny\n")
    with pytest.raises(ArtifactError, match=r"was changed by hand and lacks settings \('space'\)"):
        verify_run(copy, None, time_limit_s=1.0)
