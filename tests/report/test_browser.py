"""The page in a real browser, without a network: charts are drawn and nothing complains."""

import html
import json
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
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(page: Path, too_wide: Callable[[Path, int], list[str]], width: int) -> None:
    assert too_wide(page, width) == []


@pytest.mark.browser
def test_what_is_wider_than_the_screen_would_be_named(
    tmp_path: Path, too_wide: Callable[[Path, int], list[str]]
) -> None:
    page = tmp_path / "wide.html"
    page.write_text('<body><p id="wide" style="width: 600px">wide</p></body>')
    assert too_wide(page, 1280) == []
    assert '<p id="wide"' in too_wide(page, 390)[0]


CONTRASTS = """<script>
const parts = (color) => color.match(/[0-9.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const paper = light(parts(getComputedStyle(document.body).backgroundColor));
const worst = {};
const texts = "p, td, th, h1, h2, h3, a, figcaption, caption, label, summary, button, svg.plot text";
for (const one of document.querySelectorAll(texts)) {
  if (one.closest(".missing") || !one.getClientRects().length) continue;
  const style = getComputedStyle(one);
  const ink = light(parts(one.tagName === "text" ? style.fill : style.color));
  const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  worst[one.tagName] = Math.min(contrast, worst[one.tagName] ?? 99);
}
document.title = JSON.stringify([paper, worst]);
</script></body>"""


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "is_dark"), [(0, True), (1, False)])
def test_every_text_stands_out_by_day_and_by_night(
    page: Path, tmp_path: Path, look_at: Look, scheme: int, is_dark: bool
) -> None:
    measured = tmp_path / "measured.html"
    measured.write_text(page.read_text().replace("</body>", CONTRASTS))
    dom, _ = look_at(measured, 1280, f"--blink-settings=preferredColorScheme={scheme}")
    found = re.search(r"<title>(.+?)</title>", dom)
    assert found is not None
    paper, worst = json.loads(html.unescape(found[1]))
    assert (paper < 0.1) == is_dark
    assert {"P", "TD", "H2", "FIGCAPTION", "text"} <= worst.keys()
    assert min(worst.values()) >= 4.5, worst


@pytest.mark.browser
def test_the_page_is_printed_whole(page: Path, tmp_path: Path, look_at: Look) -> None:
    paper = tmp_path / "report.pdf"
    look_at(page, 1280, f"--print-to-pdf={paper}")
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type /Page\b(?!s)", content)) <= 20


@pytest.mark.browser
def test_the_console_would_tell_of_an_error(tmp_path: Path, look_at: Look) -> None:
    page = tmp_path / "broken.html"
    page.write_text("<script>nothing.here()</script>")
    _, console = look_at(page)
    assert any("ReferenceError" in line for line in console)
