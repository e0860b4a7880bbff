"""The best few of a chain, proven: a ceiling on the score rises until enough answers lie below it.

Below a ceiling the dynamic program visits only what the Lagrangian bound cannot exclude, and finds exactly what a full
run would find there. The bound is tight, so a low ceiling suffices. The last completed ceiling is a lower bound on
everything not yet found; at a time limit, the search returns it with the best answer so far.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from helixnas.search.exact.chain import Chain
from helixnas.search.exact.dynamic_program import OutOfTimeError, Rules, TooManyPartialsError, sweep, trace
from helixnas.search.exact.relaxation import Floats, Relaxation
from helixnas.search.instance import Instance
from helixnas.search.result import Answer, answer_of

SMALL = 20_000
"""Chains with at most this many architectures are searched without a ceiling."""

FIRST_ROWS = 24
"""Average number of candidates per block below the first ceiling."""

PATIENCE = 2
"""Levels without an answer before feasibility is checked."""

MOST_PARTIALS = 4_000_000
"""Partial architectures that a level may keep; beyond it the search returns its best answer so far."""


@dataclass(kw_only=True)
class Effort:
    """Counts of the runs so far; see `Pruning`."""

    num_partials: int = 0
    dominated: int = 0
    above_ceiling: int = 0
    num_levels: int = 0


@dataclass(frozen=True, kw_only=True)
class Found:
    """Answers of a chain in the order of ties, and a lower bound on every score."""

    answers: tuple[Answer, ...]
    bound: int
    proven: bool
    """Whether these are the best, in order."""

    exhausted: bool
    """Whether there are no others at all."""

    effort: Effort


@dataclass(kw_only=True)
class _State:
    """Answers, bound and counts after the levels so far."""

    instance: Instance
    wanted: int
    answers: tuple[Answer, ...]
    proof: int
    effort: Effort = field(default_factory=Effort)

    def has_any(self, find_any: Callable[[], Answer | None]) -> bool:
        """Return whether there is an answer; without one so far, call `find_any`."""
        if not self.answers:
            answer = find_any()
            self.answers = () if answer is None else (answer,)
        return bool(self.answers)

    def found(self, *, proven: bool, exhausted: bool = False) -> Found:
        best = self.answers[0].score if self.answers else self.proof
        bound = best if proven else min(self.proof, best)
        return Found(answers=self.answers, bound=bound, proven=proven, exhausted=exhausted, effort=self.effort)


def all_at_once(instance: Instance, chain: Chain, rules: Rules) -> Found:
    """Return the best `rules.copies` answers of a chain, which may have none, without a ceiling or a deadline."""
    state = _State(instance=instance, wanted=rules.copies, answers=(), proof=0)
    _level(state, chain, replace(rules, deadline=math.inf))
    return state.found(proven=True, exhausted=len(state.answers) < rules.copies)


def rise(
    instance: Instance,
    chain: Chain,
    rules: Rules,
    relaxation: Relaxation,
    known: Sequence[Answer],
    find_any: Callable[[], Answer | None],
) -> Found | None:
    """Return the best `rules.copies` answers of a chain, or None if no architecture meets all limits.

    `instance` names the answers, and `known` are answers inside the limits. `find_any` finds any answer or proves that
    there is none; it is expensive, so it is called only if the first levels find nothing or the time is up.
    """
    through = [relaxation.through(number, link.start, link.end) for number, link in enumerate(chain.links)]
    floor, highest = relaxation.floor, sum(float(values.max()) for values in relaxation.reduced)
    top = highest + relaxation.constant + relaxation.margin
    answers = tuple(sorted(set(known))[: rules.copies])
    state = _State(instance=instance, wanted=rules.copies, answers=answers, proof=math.ceil(floor))
    ceiling = math.ceil(floor + _first_height(through, floor, rules.copies))
    while ceiling < top:
        chosen = [values <= ceiling for values in through]
        links = tuple(link.take(some) for link, some in zip(chain.links, chosen, strict=True))
        state.effort.above_ceiling = sum(len(some) - int(some.sum()) for some in chosen)
        limited = replace(rules, ceiling=float(ceiling), most_partials=MOST_PARTIALS)
        try:
            seen = _level(state, replace(chain, links=links), limited, relaxation.take(chosen))
        except (OutOfTimeError, TooManyPartialsError):
            return state.found(proven=False) if state.has_any(find_any) else None
        if sum(answer.score <= ceiling for answer in state.answers) >= rules.copies:
            return state.found(proven=True)
        if state.effort.num_levels >= PATIENCE and not state.has_any(find_any):
            return None
        state.proof = ceiling + 1
        ceiling = _next_ceiling(state, floor, ceiling, seen)
    state.effort.above_ceiling = 0
    try:
        _level(state, chain, replace(rules, most_partials=MOST_PARTIALS))
    except (OutOfTimeError, TooManyPartialsError):
        return state.found(proven=False) if state.has_any(find_any) else None
    return state.found(proven=True, exhausted=len(state.answers) < rules.copies) if state.answers else None


def _level(state: _State, chain: Chain, rules: Rules, relaxation: Relaxation | None = None) -> int:
    """Run the dynamic program once, add its answers, and return the number of partial architectures visited."""
    swept = sweep(chain, rules, relaxation)
    last = np.arange(len(swept.layers[-1]))[: rules.copies]
    new = (answer_of(state.instance, rows) for rows in trace(swept.layers, last))
    state.answers = tuple(sorted({*state.answers, *new})[: rules.copies])
    state.effort.num_partials += swept.num_partials
    state.effort.dominated += swept.dominated
    state.effort.num_levels += 1
    return swept.num_partials


def _first_height(through: Sequence[Floats], floor: float, copies: int) -> float:
    """Return the height above the bound below which `FIRST_ROWS` candidates per block lie."""
    every = np.sort(np.concatenate(list(through)))
    place = min(len(every), FIRST_ROWS * len(through) + copies) - 1
    return max(1.0, float(every[place]) - floor)


def _next_ceiling(state: _State, floor: float, ceiling: int, seen: int) -> int:
    """Return the score of the last wanted answer if that is near, else a ceiling that costs about as much as all before."""
    height = ceiling - floor
    growth = 3.0 if seen < 20_000 else 2.0 if seen < 200_000 else 1.4
    if len(state.answers) == state.wanted and state.answers[-1].score - floor <= growth * height:
        return state.answers[-1].score
    return math.ceil(floor + growth * height)
