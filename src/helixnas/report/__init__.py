"""The report of a run: one self-contained page that shows what was found, and how far to trust it."""

from helixnas.report.page import build_report

__all__ = ["build_report"]
