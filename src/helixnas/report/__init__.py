"""The report of a run: one self-contained page."""

from pathlib import Path


def build_report(run: Path) -> Path:
    """Placeholder until the page is written."""
    page = run / "report.html"
    page.write_text("<html></html>")
    return page
