"""The search stage as one of a run: one of each per named search."""

from helixnas.pipeline.stages.search import find_in_run, save_outcome, teacher_costs
from helixnas.pipeline.context import Session
from helixnas.pipeline.stages.distill import Result


def search(session: Session, key: str, *, name: str) -> Result:
    """Find the best architecture under the budgets of one named search."""
    config = session.recipe.searches[name]
    folder, teacher = session.folder, teacher_costs(session.folder.load_record())
    outcome = find_in_run(config, session.space, session.tables, teacher, folder, name=name)
    files = save_outcome(outcome, folder.search(name))
    return Result(tuple(f"searches/{name}/{file}" for file in files), outcome.facts())
