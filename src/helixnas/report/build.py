"""The page of a run: `SECTIONS` lists its parts. A new part is one module and one template, named here."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from helixnas.artifacts.files import write_text
from helixnas.report.elements.page import Section, document
from helixnas.report.explorer.section import explorer_section
from helixnas.report.reading import RunFiles, read_run
from helixnas.report.run.calibration import calibration_section
from helixnas.report.run.certainty import certainty_section
from helixnas.report.run.consistency import consistency_section
from helixnas.report.run.front import front_section
from helixnas.report.run.inheritance import inheritance_section
from helixnas.report.run.latency import latency_section
from helixnas.report.run.losses import losses_section
from helixnas.report.run.networks import networks_section
from helixnas.report.run.peers import peers_section
from helixnas.report.run.provenance import provenance_section
from helixnas.report.run.scores import scores_section
from helixnas.report.run.summary import summary_section
from helixnas.report.workers.section import workers_section

SECTIONS: tuple[Callable[[RunFiles], Section | None], ...] = (
    summary_section,
    explorer_section,
    networks_section,
    losses_section,
    inheritance_section,
    scores_section,
    front_section,
    peers_section,
    certainty_section,
    consistency_section,
    calibration_section,
    latency_section,
    workers_section,
    provenance_section,
)
"""The sections of the page, in order; one without content is None and left out."""


def build_report(run: Path) -> Path:
    """Write ``report.html`` of what the run has finished so far and return its path.

    Raises `ArtifactError` if there is no run in the folder, one of its files is damaged, or the page cannot be written.
    """
    found, target = read_run(run), run / "report.html"
    sections = [made for section in SECTIONS if (made := section(found)) is not None]
    write_text(target, document(f"HelixNAS: {found.record.recipe}", _subtitle(found), sections))
    return target


def _subtitle(run: RunFiles) -> str:
    """Return the run's description and the time of its last finished stage, so that the same run gives the same page."""
    if not run.record.stages:
        return "No stage is finished yet."
    last = max(datetime.fromisoformat(stage.finished) for stage in run.record.stages.values())
    description = str(run.settings.get("description") or "")
    return f"{description} Last stage finished {last:%Y-%m-%d %H:%M %Z}.".strip()
