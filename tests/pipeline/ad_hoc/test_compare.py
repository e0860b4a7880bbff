"""Other methods on the tables of a run."""

from dataclasses import asdict

from helixnas.artifacts.files import read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.pipeline.ad_hoc.compare import compare_on, save_comparison
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.search.config import SearchConfig


def test_no_method_beats_the_exact_search_and_the_rows_are_kept(copy: RunFolder) -> None:
    ((_, outcome),) = search_run(copy, None, SearchConfig(max={"macs": "150%"}, min={"macs": "70%"}))
    rows = compare_on(outcome.result, seed=0, time_limit_s=10.0)
    methods = ["exact search", "brute force", "greedy per block", "random", "evolutionary", "Algorithm 2", "HiGHS"]
    assert [row.method for row in rows] == methods
    assert all(row.excess is None or row.excess >= 0 for row in rows)
    save_comparison(rows, copy.path / "comparison.json", time_limit_s=10.0)
    assert read_json(copy.path / "comparison.json")["methods"] == [asdict(row) for row in rows]
