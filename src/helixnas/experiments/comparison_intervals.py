"""Accuracies of networks trained alike, and their differences, with 95 % intervals.

Two things vary: the choice of the evaluation images, and the training (initial weights and order of images). The first is
estimated over images, the second over the trainings of all networks together, where any was trained more than once.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from helixnas.artifacts.agreement import Estimate
from helixnas.report.elements.intervals import Z95, wilson_interval

Answers = npt.NDArray[np.bool_]
"""Whether each image was classified right: trainings x images."""


def training_spread(networks: Sequence[Answers]) -> float:
    """Return the reach of a 95 % interval of one training's accuracy: Student's t times the standard deviation.

    The deviation is pooled over all networks. Returns 0 if none was trained more than once.

    >>> once, twice = np.array([[True, False]]), np.array([[True, True], [True, False]])
    >>> training_spread([once]), round(training_spread([once, twice]), 2)
    (0.0, 4.49)
    """
    accuracies = [answers.mean(axis=1) for answers in networks]
    freedom = sum(len(each) - 1 for each in accuracies)
    if freedom == 0:
        return 0.0
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in accuracies)
    return float(special.stdtrit(freedom, 0.975)) * math.sqrt(squares / freedom)


def accuracy_of(answers: Answers, *, spread: float) -> Estimate:
    """Return the mean accuracy over trainings; Wilson's interval over images, widened by the `spread` of trainings.

    >>> found = accuracy_of(np.array([[True, False] * 50]), spread=0.0)
    >>> found.value, [round(end, 4) for end in found.interval]
    (0.5, [0.4038, 0.5962])
    """
    value = float(answers.mean())
    low, high = wilson_interval(value, answers.shape[1])
    reach = spread / math.sqrt(len(answers))
    return Estimate(
        value, (max(0.0, value - math.hypot(value - low, reach)), min(1.0, value + math.hypot(high - value, reach)))
    )


def difference_of(answers: Answers, winner: Answers, *, spread: float) -> Estimate:
    """Return a network's accuracy minus the winner's on the same images, with the interval of paired differences.

    Two images, one that only each of the networks has right, are added for the standard error (Bonett and Price 2012), so that
    networks with the same answers to few images are not certainly equal.

    >>> difference_of(np.array([[True] * 4]), np.array([[True, True, True, False]]), spread=0.0).value
    0.25
    """
    by_image = answers.mean(axis=0) - winner.mean(axis=0)
    error = float(np.std([*by_image.tolist(), 1.0, -1.0])) / math.sqrt(len(by_image) + 2)
    reach = math.hypot(Z95 * error, spread * math.sqrt(1 / len(answers) + 1 / len(winner)))
    value = float(answers.mean() - winner.mean())
    return Estimate(value, (value - reach, value + reach))
