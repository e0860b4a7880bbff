"""Drawings of the chosen networks."""

from helixnas.report.elements.drawing import draw, legend, operations_of
from helixnas.report.elements.page import Section, section
from helixnas.report.reading import RunFiles


def networks_section(run: RunFiles) -> Section | None:
    """Return a drawing of the network that each search chose; None before the first."""
    if not run.searches:
        return None
    networks = [search.architecture for search in run.searches]
    drawings = [(search.name, draw(search.architecture, networks, name=search.name)) for search in run.searches]
    title = "The chosen networks" if len(networks) != 1 else "The chosen network"
    return section(
        "networks",
        title,
        "run/networks",
        key=legend(operations_of(networks)),
        drawings=drawings,
        transfers=_transfers(run),
    )


def _transfers(run: RunFiles) -> list[tuple[str, str]]:
    """Return the links to the pages of networks that were transferred to other tasks, with their names."""
    pages = sorted(run.folder.glob("searches/*/transfer/*/report.html"))
    return [(str(page.relative_to(run.folder)), f"{page.parts[-4]}: {page.parent.name}") for page in pages]
