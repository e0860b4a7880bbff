"""The exact search: the proven best architecture inside the budgets, or the reason why there is none (Eq. 4).

It works on plain integer arrays and never imports torch.
"""

from helixnas.search.amounts import parse_amount, parse_limits, readable
from helixnas.search.budget import Budget
from helixnas.search.check.certificate import Certificate, certify, hash_instance
from helixnas.search.check.milp import MilpAnswer, solve_milp
from helixnas.search.check.verify import Verification, verify
from helixnas.search.confidence import Comparison, compare
from helixnas.search.exact.diverse import distance, solve_diverse
from helixnas.search.exact.feasibility import is_feasible
from helixnas.search.exact.front import pareto_front
from helixnas.search.exact.solver import solve
from helixnas.search.instance import Instance, InstanceBlock, score_to_int
from helixnas.search.reference.brute_force import enumerate_answers, front_of, is_within
from helixnas.search.reference.references import Reference, compare_methods
from helixnas.search.result import Answer, Infeasibility, ParetoFront, Pruning, SearchResult
from helixnas.search.scores import combine_scores, score_coefficients, scored
from helixnas.search.tables import Tables, text_order

__all__ = [
    "Answer",
    "Budget",
    "Certificate",
    "Comparison",
    "Infeasibility",
    "Instance",
    "InstanceBlock",
    "MilpAnswer",
    "ParetoFront",
    "Pruning",
    "Reference",
    "SearchResult",
    "Tables",
    "Verification",
    "certify",
    "combine_scores",
    "compare",
    "compare_methods",
    "distance",
    "enumerate_answers",
    "front_of",
    "hash_instance",
    "is_feasible",
    "is_within",
    "pareto_front",
    "parse_amount",
    "parse_limits",
    "readable",
    "score_coefficients",
    "score_to_int",
    "scored",
    "solve",
    "solve_diverse",
    "solve_milp",
    "text_order",
    "verify",
]
