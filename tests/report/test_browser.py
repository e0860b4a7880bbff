"""The page in a real browser, without a network: charts are drawn and nothing complains."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

Look = Callable[..., tuple[str, list[str]]]


@pytest.mark.browser
def test_every_chart_is_drawn_and_the_console_is_silent(page: Path, look_at: Look) -> None:
    dom, console = look_at(page)
    body = re.sub(r"<script.*?</script>", "", dom.partition("</head>")[2], flags=re.DOTALL)
    assert console == []
    pieces = re.split(r'<div(?: class="forest")? id="chart-', body)[1:]
    assert len(pieces) == 9
    for piece in pieces:
        assert re.search(r"<(circle|rect|path)", piece), piece[:40]
    assert body.count('<svg class="net"') == 3  # two searches and the explorer's


@pytest.mark.browser
@pytest.mark.parametrize("width", [500, 1280])
def test_nothing_is_wider_than_the_screen(page: Path, tmp_path: Path, look_at: Look, width: int) -> None:
    measured = tmp_path / "measured.html"
    script = "<script>const { scrollWidth, clientWidth } = document.documentElement; "
    script += "document.title = `${scrollWidth - clientWidth} too wide at ${clientWidth}`</script>"
    measured.write_text(page.read_text().replace("</body>", f"{script}</body>"))
    dom, _ = look_at(measured, width)
    found = re.search(r"<title>(\d+) too wide at (\d+)</title>", dom)
    assert found is not None
    assert int(found[1]) == 0
    assert width - 20 <= int(found[2]) <= width


@pytest.mark.browser
def test_the_console_would_tell_of_an_error(tmp_path: Path, look_at: Look) -> None:
    page = tmp_path / "broken.html"
    page.write_text("<script>nothing.here()</script>")
    _, console = look_at(page)
    assert any("ReferenceError" in line for line in console)
