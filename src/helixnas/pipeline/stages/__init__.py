"""The stages of a run in order: teacher -> costs -> proxies -> distill -> rate -> calibrate -> search -> retrain.

A file per command defines them. To add a stage, write it down and put it into this list; plan, ``--until``, dry run,
status and command line read it.
"""

from helixnas.pipeline.stage import Stage
from helixnas.pipeline.stages.calibrate import CALIBRATE
from helixnas.pipeline.stages.costs import COSTS, LATENCY
from helixnas.pipeline.stages.distill import DISTILL
from helixnas.pipeline.stages.proxies import PROXIES
from helixnas.pipeline.stages.rate import RATE, STITCH
from helixnas.pipeline.stages.retrain import INHERIT, RETRAIN
from helixnas.pipeline.stages.search import SEARCH
from helixnas.pipeline.stages.teacher import TEACHER

STAGES: tuple[Stage, ...] = (
    TEACHER,
    COSTS,
    LATENCY,
    PROXIES,
    DISTILL,
    RATE,
    STITCH,
    CALIBRATE,
    SEARCH,
    RETRAIN,
    INHERIT,
)


def verbs() -> tuple[str, ...]:
    """Return the commands that run stages, in order."""
    return tuple(dict.fromkeys(stage.verb for stage in STAGES))


def of_verb(verb: str) -> tuple[Stage, ...]:
    """Return the stages that a command runs, in order."""
    own = [stage for stage in STAGES if stage.verb == verb]
    first = {name for stage in own for name in stage.first}
    return tuple(stage for stage in STAGES if stage in own or stage.name in first)


def position(verb: str) -> int:
    """Return the position of a command in the order of the stages; other commands come last."""
    return verbs().index(verb) if verb in verbs() else len(verbs())
