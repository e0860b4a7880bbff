from .build import build_report as build_report
from .generations.page import build_generations_page as build_generations_page
from .lab.ranking import build_ranking_page as build_ranking_page
from .lab.study import build_study_page as build_study_page
