from .amounts import parse_amount as parse_amount, parse_limits as parse_limits, readable as readable
from .brute_force import enumerate_answers as enumerate_answers, front_of as front_of, is_within as is_within
from .budget import Budget as Budget
from .certificate import Certificate as Certificate, certify as certify, hash_instance as hash_instance
from .confidence import Comparison as Comparison, compare as compare
from .diverse import distance as distance, solve_diverse as solve_diverse
from .feasibility import is_feasible as is_feasible
from .front import pareto_front as pareto_front
from .instance import Instance as Instance, InstanceBlock as InstanceBlock, score_to_int as score_to_int
from .milp import MilpAnswer as MilpAnswer, solve_milp as solve_milp
from .references import Reference as Reference, compare_methods as compare_methods
from .result import (
    Answer as Answer,
    Infeasibility as Infeasibility,
    ParetoFront as ParetoFront,
    Pruning as Pruning,
    SearchResult as SearchResult,
)
from .scores import combine_scores as combine_scores, score_coefficients as score_coefficients, scored as scored
from .solver import solve as solve
from .tables import Tables as Tables, text_order as text_order
from .verify import Verification as Verification, verify as verify
