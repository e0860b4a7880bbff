"""The report of a run, and of a ranking: self-contained pages that show what was found, and how far to trust it."""

from helixnas.report.page import build_report
from helixnas.report.ranking import build_ranking_page

__all__ = ["build_ranking_page", "build_report"]
