from .page import build_report as build_report
from .ranking import build_ranking_page as build_ranking_page
from .study import build_study_page as build_study_page
