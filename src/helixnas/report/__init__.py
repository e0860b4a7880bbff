"""The report of a run, of a ranking and of a study: self-contained pages with the results and how far to trust them."""

from helixnas.report.build import build_report
from helixnas.report.lab.ranking import build_ranking_page
from helixnas.report.lab.study import build_study_page

__all__ = ["build_ranking_page", "build_report", "build_study_page"]
