"""The stages after the ratings: search and retrain, one of each per named search."""

from dataclasses import asdict
from typing import Any

from helixnas.artifacts.files import read_text, write_json
from helixnas.engine import evaluate
from helixnas.nn import count_params
from helixnas.pipeline.history import History
from helixnas.pipeline.searching import find_in_run, save_outcome, teacher_costs
from helixnas.pipeline.session import Session
from helixnas.pipeline.stages import Result, fit_classifier
from helixnas.retrain import build_model, save_model
from helixnas.space import Architecture


def search(session: Session, key: str, *, name: str) -> Result:
    """Find the best architecture under the budgets of one named search."""
    config = session.recipe.searches[name]
    folder, teacher = session.folder, teacher_costs(session.folder.load_record())
    outcome = find_in_run(config, session.space, session.tables, teacher, folder, name=name)
    files = save_outcome(outcome, folder.search(name))
    return Result(tuple(f"searches/{name}/{file}" for file in files), outcome.facts())


def retrain(session: Session, key: str, *, name: str) -> Result:
    """Train the winner of one named search from scratch and evaluate it on images that nothing has seen."""
    config = session.recipe.retrain
    assert config is not None, "the plan holds no retrain stage without its settings"
    session.data.train.require_labels("retraining")
    architecture = Architecture.from_json(read_text(session.folder.search(name) / "architecture.json"))
    teacher, history = session.teacher, History()
    model = session.runtime.place(
        build_model(
            architecture,
            num_classes=session.data.num_classes,
            image_size=session.image_size,
            mean=teacher.mean.flatten().tolist(),
            std=teacher.std.flatten().tolist(),
            config=config,
            seed=session.recipe.seed,
        )
    )
    fit_classifier(session, model, teacher, config=config.fit, stage=f"retrain:{name}", key=key, history=history)
    folder = session.folder.retrained(name)
    files = [f"searches/{name}/retrained/{file}" for file in save_model(model, folder)]
    history.save(session.folder.history(f"retrain:{name}"))
    facts: dict[str, Any] = {"params": count_params(model)}
    if session.data.evaluation is not None:
        result = evaluate(
            model,
            session.data.evaluation,
            batch_size=config.fit.batch_size,
            runtime=session.runtime,
            normalize=teacher.normalize,
        )
        facts |= asdict(result)
    write_json(folder / "metrics.json", facts)
    files += [f"searches/{name}/retrained/metrics.json", f"history/retrain-{name}.parquet"]
    return Result(tuple(files), facts)
