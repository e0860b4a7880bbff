"""What a search proves, and what other methods found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from helixnas.artifacts.files import write_json
from helixnas.report.choice import certainty_section, front_section
from helixnas.report.reading import read_run
from helixnas.search import Budget, Instance, InstanceBlock, certify, solve


def test_certificate_and_comparison_are_shown_only_where_they_are_there(begin: Callable[..., Any]) -> None:
    run = begin()
    run.search("only", [(0.01, 0.001)])
    body = certainty_section(read_run(run.folder)).body
    assert "Certificate" not in body
    assert "Other search methods" not in body
    one = np.array([1])
    block = InstanceBlock(width_in=one, width_out=one, score=one, costs=one[:, None], order=one)
    certificate = certify(solve(Instance(blocks=(block,), resources=("macs",)), Budget()))
    folder = run.folder / "searches" / "only"
    certificate.save(folder / "certificate.json")
    methods = [
        {"method": "exact search", "score": 0.9, "excess": 0.0, "seconds": 0.01, "finished": True},
        {"method": "<greedy>", "score": None, "excess": None, "seconds": 0.001, "finished": False},
    ]
    write_json(folder / "comparison.json", {"time_limit_s": 60.0, "methods": methods})
    body = certainty_section(read_run(run.folder)).body
    assert f"proven best of 1 networks, on scores and costs with the hash {certificate.instance_hash[:12]}" in body
    assert '<td>&lt;greedy&gt;</td><td class="n">none found</td>' in body
    replace(certificate, status="feasible", gap=0.125).save(folder / "certificate.json")
    assert "not proven best; its score is at most 12 % too high" in certainty_section(read_run(run.folder)).body


def test_a_front_over_several_resources_is_drawn_as_dots(begin: Callable[..., Any]) -> None:
    run = begin()
    run.search("only", [], front_over=["macs", "params"])
    body = front_section(read_run(run.folder)).body
    assert "further resources count" in body
    assert '"mode":"lines+markers"' not in body
