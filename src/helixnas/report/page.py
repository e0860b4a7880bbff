"""The page: sections in order, one style sheet, plotly.js once, and nothing that needs a network."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from plotly.offline import get_plotlyjs

from helixnas.artifacts.files import write_atomically
from helixnas.report.choice import certainty_section, front_section
from helixnas.report.consistency import consistency_section
from helixnas.report.inheritance import inheritance_section
from helixnas.report.latency import latency_section
from helixnas.report.losses import losses_section
from helixnas.report.markup import Section, text
from helixnas.report.provenance import provenance_section
from helixnas.report.reading import RunFiles, read_run
from helixnas.report.scores import scores_section
from helixnas.report.style import STYLE
from helixnas.report.summary import architecture_section, summary_section

SECTIONS = (
    summary_section,
    architecture_section,
    losses_section,
    inheritance_section,
    scores_section,
    front_section,
    certainty_section,
    consistency_section,
    latency_section,
    provenance_section,
)
"""What the page shows, in order."""


def build_report(run: Path) -> Path:
    """Write ``report.html`` of what the run has finished so far and return its path.

    Raises:
        ArtifactError: there is no run in the folder, one of its files is damaged, or the page cannot be written.
    """
    page = render(read_run(run))
    target = run / "report.html"

    def write(temporary: Path) -> None:
        temporary.write_text(page, encoding="utf-8")

    write_atomically(target, write)
    return target


def render(run: RunFiles) -> str:
    """Return the page as HTML."""
    return document(f"HelixNAS: {run.record.recipe}", _when(run), [section(run) for section in SECTIONS])


def document(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Return a page of sections with a list of contents, in one file that asks no network for anything."""
    title = text(title)
    contents = "".join(f'<li><a href="#{section.anchor}">{text(section.title)}</a></li>' for section in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>{STYLE}</style>\n'
        f"<script>{_plotly()}</script>\n</head>\n<body>\n"
        f'<header><h1>{title}</h1><p class="quiet">{text(subtitle)}</p></header>\n'
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav>\n'
        "<noscript><p>The charts of this page are drawn by JavaScript, which is switched off.</p></noscript>\n"
        f"<main>\n{''.join(_section(section) for section in sections)}</main>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    return f'<section id="{section.anchor}">\n<h2>{text(section.title)}</h2>\n{section.body}</section>\n'


def _plotly() -> str:
    """Return plotly.js, without the pointer to a source map that no page has."""
    return re.sub(r"//# sourceMappingURL=\S*", "", get_plotlyjs())


def _when(run: RunFiles) -> str:
    """Return the time of the last finished stage, so that the same run gives the same page."""
    if not run.record.stages:
        return "No stage is finished yet."
    last = max(datetime.fromisoformat(stage.finished) for stage in run.record.stages.values())
    description = str(run.settings.get("description") or "")
    return f"{description} Last stage finished {last:%Y-%m-%d %H:%M %Z}.".strip()
