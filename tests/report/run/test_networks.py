"""Drawings of the chosen networks."""

import shutil
from collections.abc import Callable
from typing import Any

from helixnas.report.reading import read_run
from helixnas.report.run.networks import networks_section


def test_every_search_is_drawn(finished: Any) -> None:
    assert networks_section(read_run(finished.folder)).body.count('<svg class="net"') == 2


def test_before_the_first_search_there_is_nothing_to_draw(begin: Callable[..., Any]) -> None:
    assert networks_section(read_run(begin().folder)) is None


def test_pages_of_transferred_networks_are_linked(finished: Any) -> None:
    page = finished.folder / "searches/small/transfer/camvid/report.html"
    page.parent.mkdir(parents=True)
    page.touch()
    try:
        body = networks_section(read_run(finished.folder)).body
    finally:
        shutil.rmtree(page.parents[1])
    assert '<a href="searches/small/transfer/camvid/report.html">small: camvid</a>' in body
    assert "Transferred" not in networks_section(read_run(finished.folder)).body
