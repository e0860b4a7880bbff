"""The report of a run, of a ranking and of a study: self-contained pages that show what was found, and how far to trust it."""

from helixnas.report.page import build_report
from helixnas.report.ranking import build_ranking_page
from helixnas.report.study import build_study_page

__all__ = ["build_ranking_page", "build_report", "build_study_page"]
