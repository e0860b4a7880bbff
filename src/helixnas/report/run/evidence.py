"""Independent evidence in words: what a run's scores and its untrained proxies agree on beyond size."""

from collections.abc import Mapping

from helixnas.artifacts.agreement import Estimate
from helixnas.report.elements.wording import figure_text, interval_text, name_of, signed

Found = Mapping[tuple[str, str], Estimate]


def evidence_rows(found: Found) -> list[list[str]]:
    """Return score, proxy, partial correlation and interval of every pair, the best first."""
    ordered = sorted(found.items(), key=lambda item: -item[1].value)
    return [
        [name_of(score), name_of(proxy), signed(each.value), interval_text(each.interval)]
        for (score, proxy), each in ordered
    ]


def disagreements(found: Found) -> tuple[str, ...]:
    """Return a sentence for every pair that agrees on nothing but size, as far as can be told."""
    return tuple(
        f"{name_of(score)} and {name_of(proxy)} agree on nothing but size (partial Spearman "
        f"{figure_text(each.value, each.interval)}), so one of them may be no evidence in this space; train some networks "
        "shortly (helixnas calibrate), or compare the winner with random networks (helixnas compare)"
        for (score, proxy), each in found.items()
        if each.interval[0] <= 0
    )
