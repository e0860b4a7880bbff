"""The exact search: the proven best architecture inside the budgets, or the reason why there is none (Eq. 4).

It works on plain integer arrays and never imports torch.
"""

from helixnas.search.amounts import parse_amount, parse_limits
from helixnas.search.brute_force import enumerate_answers, front_of, is_within
from helixnas.search.budget import Budget
from helixnas.search.confidence import Comparison, compare
from helixnas.search.feasibility import is_feasible
from helixnas.search.instance import Instance, InstanceBlock, score_to_int
from helixnas.search.result import Answer, Infeasibility, ParetoFront, SearchResult
from helixnas.search.solver import pareto_front, solve
from helixnas.search.tables import Tables, text_order

__all__ = [
    "Answer",
    "Budget",
    "Comparison",
    "Infeasibility",
    "Instance",
    "InstanceBlock",
    "ParetoFront",
    "SearchResult",
    "Tables",
    "compare",
    "enumerate_answers",
    "front_of",
    "is_feasible",
    "is_within",
    "pareto_front",
    "parse_amount",
    "parse_limits",
    "score_to_int",
    "solve",
    "text_order",
]
