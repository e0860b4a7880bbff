"""Equal shares: the places that cut a stretch of a teacher into parts of as equal multiply-adds as its blocks allow."""

from collections.abc import Sequence
from dataclasses import dataclass

from helixnas.errors import TeacherError
from helixnas.space.grids import whole_ratio
from helixnas.teacher.cutting.candidates import Candidate

Cost = tuple[int, int, int]
"""What an equal share should not have, the worst first: squared deviations in percent, inner modules, early ones."""

MAX_LISTED = 24


@dataclass(frozen=True)
class Cut:
    """A boundary, and why the teacher is cut there."""

    boundary: Candidate
    reason: str


def equal_shares(
    candidates: Sequence[Candidate],
    grids: Sequence[tuple[int, int]],
    *,
    start: Candidate | None,
    end: Candidate,
    whole: bool = False,
) -> tuple[Cut, ...]:
    """Return cuts between `start` (None: the image) and `end`, one for each of `grids`, those of the student's blocks.

    Features at a cut are at least as fine as the block's grid, in whole windows. Deviations from equal shares count in
    whole percent; among equals, outer modules are preferred, then later ones. `whole` says that `end` is that of the
    teacher. Raises `TeacherError` if there are too few places.
    """
    before = start.macs if start else 0
    work = end.macs - before
    inner = [each for each in candidates if before < each.macs < end.macs]
    chains: dict[int, tuple[Cost, tuple[int, ...]]] = {-1: ((0, 0, 0), ())}
    for number, grid in enumerate(grids, start=1):
        aim, longer = number / (len(grids) + 1), dict[int, tuple[Cost, tuple[int, ...]]]()
        for place, each in enumerate(inner):
            if not whole_ratio(each.size, grid):
                continue
            cost = (round(100 * ((each.macs - before) / work - aim)) ** 2, each.name.count("."), -place)
            earlier = [
                (_sum(known, cost), (*chain, place))
                for last, (known, chain) in chains.items()
                if last < place and (last < 0 or inner[last].macs < each.macs)
            ]
            if earlier:
                longer[place] = min(earlier)
        chains = longer
    if not chains:
        raise _too_few(inner, grids, start, end)
    stretch = "" if whole else f" {f'from {start.name} to' if start else 'up to'} {end.name}"
    return tuple(
        Cut(
            inner[place],
            f"{100 * (inner[place].macs - before) / work:.0f} % of the multiply-adds{stretch}, "
            f"aim {100 * number / (len(grids) + 1):.0f} %",
        )
        for number, place in enumerate(min(chains.values())[1], start=1)
    )


def _sum(first: Cost, second: Cost) -> Cost:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def _too_few(
    inner: Sequence[Candidate], grids: Sequence[tuple[int, int]], start: Candidate | None, end: Candidate
) -> TeacherError:
    fitting = [each for each in inner if any(whole_ratio(each.size, grid) for grid in grids)]
    outer = sorted(fitting, key=lambda each: (each.macs, -each.name.count(".")))
    places = {each.macs: str(each) for each in outer}
    listed = f": {', '.join([*places.values()][:MAX_LISTED])}" if places else ""
    where = f"between {start.name} and {end.name}" if start else f"before {end.name}"
    sizes = " and ".join(dict.fromkeys(f"{rows} x {columns}" for rows, columns in grids))
    return TeacherError(
        f"the teacher must be cut at {len(grids)} places {where} for blocks of {sizes} pixels, but has only {len(places)} "
        f"with features of that size or whole multiples of it{listed}; choose another teacher, a space of fewer blocks, or "
        "name modules in teacher.boundaries"
    )
