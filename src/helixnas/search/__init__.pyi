from .amounts import parse_amount as parse_amount, parse_limits as parse_limits, readable as readable
from .budget import Budget as Budget
from .check.certificate import Certificate as Certificate, certify as certify, hash_instance as hash_instance
from .check.milp import MilpAnswer as MilpAnswer, solve_milp as solve_milp
from .check.verify import Verification as Verification, verify as verify
from .confidence import Comparison as Comparison, compare as compare
from .exact.diverse import distance as distance, solve_diverse as solve_diverse
from .exact.feasibility import is_feasible as is_feasible
from .exact.front import pareto_front as pareto_front
from .exact.solver import solve as solve
from .instance import Instance as Instance, InstanceBlock as InstanceBlock, score_to_int as score_to_int
from .reference.brute_force import enumerate_answers as enumerate_answers, front_of as front_of, is_within as is_within
from .reference.references import Reference as Reference, compare_methods as compare_methods
from .result import (
    Answer as Answer,
    Infeasibility as Infeasibility,
    ParetoFront as ParetoFront,
    Pruning as Pruning,
    SearchResult as SearchResult,
)
from .scores import combine_scores as combine_scores, score_coefficients as score_coefficients, scored as scored
from .tables import Tables as Tables, text_order as text_order
