"""Whether another generation is worth its cost: the stop rule of Sec. 3.4, made measurable."""

from helixnas.artifacts.lineage import Lineage
from helixnas.pipeline.generations_config import StopConfig
from helixnas.report.elements.wording import signed
from helixnas.report.generations.text import against


def reason_to_stop(lineage: Lineage, stop: StopConfig) -> str:
    """Return why no generation should follow the last one, in words; empty if one should.

    The generations are settled if the last one's scores agree with those before it and its winner is no better than the best
    before. Without a check, agreement alone decides.
    """
    *earlier, last = lineage.generations
    rated = [one.quality.value for one in earlier if one.quality is not None]
    is_better = last.quality is not None and (not rated or last.quality.value > max(rated))
    if last.agreement is not None and stop.tau < 1 and last.agreement.value >= stop.tau and not is_better:
        agreed = (
            f"settled: the scores of generations {last.number - 1} and {last.number} agree (Kendall tau "
            f"{signed(last.agreement.value, 3)}, at least {stop.tau:g})"
        )
        return ", and ".join(filter(None, [agreed, against(last, earlier)]))
    if last.number >= lineage.number:
        return f"all {lineage.number} generations are done"
    return ""
