"""The page in a real browser, without a network: charts are drawn and nothing complains."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=8000 --dump-dom "
    "--host-resolver-rules=MAP\u00a0*\u00a0~NOTFOUND"
)


def look_at(page: Path, profile: Path) -> tuple[str, list[str]]:
    """Return the page as the browser has drawn it, and what its console said."""
    browser = next(path for path in map(shutil.which, NAMES) if path)
    flags = [flag.replace("\u00a0", " ") for flag in FLAGS.split(" ")]
    done = subprocess.run(
        [browser, *flags, f"--user-data-dir={profile}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.browser
def test_every_chart_is_drawn_and_the_console_is_silent(page: Path, tmp_path: Path) -> None:
    dom, console = look_at(page, tmp_path / "profile")
    body = dom.partition("</head>")[2]
    assert console == []
    pieces = re.split(r'<div id="chart-', body)[1:]
    assert len(pieces) == 9
    for piece in pieces:
        assert re.search(r'class="main-svg"', piece), piece[:40]
        assert "xtick" in piece
    assert body.count('<svg class="net"') == 2


@pytest.mark.browser
def test_the_console_would_tell_of_an_error(tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text("<script>nothing.here()</script>")
    _, console = look_at(page, tmp_path / "profile")
    assert any("ReferenceError" in line for line in console)
