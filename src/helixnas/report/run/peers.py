"""The winners beside other networks of their size that were trained alike."""

from helixnas.report.elements.page import Section, section
from helixnas.report.reading import RunFiles
from helixnas.report.run.peers_text import cells_of, columns_of, conditions, latency_text, winner_verdict


def peers_section(run: RunFiles) -> Section | None:
    """Return a table per search that was compared with peers; None where there is none."""
    found = [(search.peers, search.architecture.text) for search in run.searches if search.peers is not None]
    values = [
        {
            "search": each.search,
            "is_outdated": each.winner != winner,
            "verdict": winner_verdict(each),
            "columns": columns_of(each),
            "rows": [cells_of(each, peer) for peer in each.peers],
            "conditions": conditions(each),
            "latency": latency_text(each),
            "num_left": each.num_left,
        }
        for each, winner in found
    ]
    return section("peers", "Beside other networks of its size", "run/peers", comparisons=values) if found else None
