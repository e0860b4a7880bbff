"""verify: check the certificates of a run against its tables, independently of the solver.

The instance is rebuilt from the tables for `helixnas.search.verify`. In addition, the score is summed in floats from the
ratings, costs are read from the cost table, the size and the network from the space, and limits, weights and scores from
the settings; result.json must agree with all of them, and so must what it claims beside the answer
(`helixnas.pipeline.ad_hoc.claims`). Ratings and costs themselves are not checked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from json import dumps, loads
from math import isfinite
from pathlib import Path
from typing import Any

from helixnas.artifacts.cost_table import LATENCY
from helixnas.artifacts.files import damaged, read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.errors import ArtifactError, SpaceError, UnknownNameError
from helixnas.pipeline.ad_hoc.claims import (
    ROUNDING,
    problems_of_copies,
    problems_of_front,
    problems_of_latency,
    problems_of_runners_up,
)
from helixnas.pipeline.ad_hoc.differences import differences
from helixnas.pipeline.work.search import (
    ARCHITECTURE,
    CERTIFICATE,
    FRONT,
    RESULT,
    limits_of,
    load_search,
    load_tables,
    reading_settings,
    require_scores,
    teacher_costs,
)
from helixnas.search import Certificate, Instance, Tables, Verification, combine_scores, verify
from helixnas.search.budget import front_resources
from helixnas.search.config import SearchConfig, search_config
from helixnas.search.instance import SCORE_UNIT
from helixnas.search.scores import scored
from helixnas.space import Architecture, SearchSpace, load_space

NOT_VERIFIED = (
    "the ratings and costs themselves with their conditions, scores and costs that the search does not use, measured latency, "
    "earlier rounds of a latency budget, whether runners-up and front are complete, the number of answers, the choice among "
    "equal scores, the limits and the reason of a search without answer that config.yaml does not name, counts of pruning, "
    "times, warnings, comparisons with other methods, trained networks and other stages"
)
"""Parts of a search that are not checked."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run, with which its certificates are compared."""

    folder: RunFolder
    tables: Tables
    space: SearchSpace
    teacher: Mapping[str, int]
    searches: Mapping[str, Any]


def verify_run(folder: RunFolder, name: str | None, *, time_limit_s: float) -> list[tuple[str, Verification]]:
    """Check the certificate of one search, or of all that have one.

    Raises:
        ArtifactError: the run is not rated, has no search yet, or scores that a search added up are out of date.
        UnknownNameError: there is no search of that name, or a certificate names a resource that is gone.
        ConfigError: a certificate names an architecture that the tables do not hold.
    """
    names = sorted(file.parent.name for file in folder.path.glob(f"searches/*/{CERTIFICATE}"))
    record = folder.load_record()
    with reading_settings(folder):
        settings = folder.load_settings()
        run = Run(
            folder=folder,
            tables=load_tables(folder, record),
            space=load_space(settings["space"]),
            teacher=teacher_costs(record),
            searches=dict(settings.get("searches") or {}),
        )
    if not names:
        raise ArtifactError(
            f"no search of {folder.path} has a certificate; make one with: helixnas search {folder.path}"
        )
    if name is not None and name not in names:
        raise UnknownNameError("search", name, names)
    chosen = names if name is None else [name]
    return [(each, _verify(each, run, time_limit_s)) for each in chosen]


def _verify(name: str, run: Run, time_limit_s: float) -> Verification:
    search = run.folder.search(name)
    certificate, tables = Certificate.load(search / CERTIFICATE), run.tables
    require_scores(certificate.scores, tables, run.folder)
    if certificate.scores:
        tables = replace(tables, ratings=combine_scores(tables.ratings, certificate.scores))
    instance = tables.instance(certificate.resources, weights=certificate.weights or None)
    found = verify(instance, certificate, time_limit_s=time_limit_s)
    problems = [*found.problems]
    if certificate.space_size != run.space.size:
        problems.append(f"the space of the settings holds {run.space.size:,} architectures")
    problems += _problems_of_form(search / CERTIFICATE, loads(certificate.to_json()))
    if certificate.status != "infeasible":
        problems += _problems_of_answer(search, certificate, tables, run.space)
        problems += _problems_of_record(name, certificate, run)
        if not problems:  # they build on the answer
            problems += _problems_of_claims(name, certificate, instance, replace(run, tables=tables))
    elif name in run.searches:
        problems += _problems_of_settings(certificate, search_config(run.searches[name]), run, is_measured=False)
    return replace(found, problems=tuple(problems), not_verified=NOT_VERIFIED)


def _problems_of_form(file: Path, written: Any) -> list[str]:
    """Compare a file with what its values are `written` as, so that 3.0 for 3 is noticed."""
    return [
        f"{file.name}: {where} is {here}, but would be written as {there}"
        for where, here, there in differences(read_json(file), written)
    ]


def _problems_of_answer(search: Path, certificate: Certificate, tables: Tables, space: SearchSpace) -> list[str]:
    """Compare the certificate with architecture.json, the ratings and the cost table."""
    stored = read_json(search / ARCHITECTURE)
    try:
        architecture = Architecture.from_dict(stored)
    except (SpaceError, UnknownNameError) as error:
        raise damaged(search / ARCHITECTURE, error) from error
    text = " ".join(str(part) for part in certificate.architecture if part)
    if architecture.text != text:
        return [f"{ARCHITECTURE} holds {architecture.text}, not {text}"]
    problems = [
        f"{ARCHITECTURE}: {where} is {here}, but {there} in the space"
        for where, here, there in differences(stored, space.parse(text).to_dict())
    ]
    score, width = 0.0, int(tables.costs.width[tables.costs.rows(0)[0]])
    weights = certificate.weights or (1.0,) * len(tables.ratings)
    for table, path, weight in zip(tables.ratings, architecture.paths, weights, strict=True):
        score += weight * float(table.mean()[table.row(width, path.text)])
        width = path.width
    if abs(score - (certificate.score or 0) * SCORE_UNIT) > ROUNDING * abs(score) + len(weights) * SCORE_UNIT:
        problems.append(f"the ratings sum to {score:.12f}")
    costs = tables.costs.of(architecture)
    for name, cost in certificate.costs.items():
        if cost != costs.get(name):
            problems.append(f"the cost table says {name} {costs.get(name)}")
    return problems


def _problems_of_record(name: str, certificate: Certificate, run: Run) -> list[str]:
    """Compare result.json with the certificate, with the settings of the run, and with the teacher's record."""
    record = SearchRecord.load(run.folder.search(name) / RESULT)
    problems = [
        f"{RESULT}: {where} is {here}, but {there} in {source}"
        for source, claimed, expected in (
            (CERTIFICATE, _claims(record), _claims_of(certificate)),
            ("the record of the teacher", {"teacher": dict(record.teacher)}, {"teacher": run.teacher}),
            *((("config.yaml", record.config, run.searches[name]),) if name in run.searches else ()),
        )
        for where, here, there in differences(claimed, expected)
    ]
    config = load_search(run.folder, name)
    assert config is not None
    settings = {
        key: value for key, value in config.to_dict().items() if key in record.config
    }  # the others are defaults
    written = loads(dumps({**record.to_dict(), **settings}))
    problems += _problems_of_form(run.folder.search(name) / RESULT, written)
    return [*problems, *_problems_of_settings(certificate, config, run, is_measured=record.latency is not None)]


def _problems_of_claims(name: str, certificate: Certificate, instance: Instance, run: Run) -> list[str]:
    """Check what a search claims beside its answer."""
    search, record, config = (
        run.folder.search(name),
        SearchRecord.load(run.folder.search(name) / RESULT),
        load_search(run.folder, name),
    )
    assert config is not None
    asked, front, _ = limits_of(config, run.tables.costs, run.teacher, run.folder)
    over = front_resources(asked, front)
    stage = run.folder.load_record().stages.get(f"search:{name}")
    problems = [
        f"{RESULT}: front_over.{where} is {here}, but {there} in the settings"
        for where, here, there in differences(record.front_over, over)
    ]
    return [
        *problems,
        *problems_of_runners_up(record, certificate, instance, run.tables),
        *problems_of_front(search / FRONT, certificate, instance, over, is_coarse=bool(config.resolution)),
        *problems_of_latency(record, certificate, run.folder, search / RESULT, asked.upper.get(LATENCY)),
        *problems_of_copies(run.folder, name, read_json(search / ARCHITECTURE), stage and stage.facts, record),
    ]


def _problems_of_settings(
    certificate: Certificate, config: SearchConfig, run: Run, *, is_measured: bool
) -> Iterator[str]:
    """Compare the limits, weights and scores of a certificate with the settings of its search.

    Where latency was measured (`is_measured`), its limit may be tighter than the setting.
    """
    asked = limits_of(config, run.tables.costs, run.teacher, run.folder)[0]
    for kind, claimed, wanted in (("upper", certificate.upper, asked.upper), ("lower", certificate.lower, asked.lower)):
        for resource in sorted({*claimed, *wanted}):
            limit, given = claimed.get(resource), wanted.get(resource)
            is_tighter = limit is not None and given is not None and limit <= given
            if limit != given and not (is_tighter and resource == LATENCY and is_measured):
                yield f"the {kind} limit of {resource} is {limit}, but the settings say {given}"
    _, factors = scored(run.tables, config.scores)
    for where, here, there in differences(
        {"scores": dict(certificate.scores), "weights": list(certificate.weights)},
        {"scores": factors, "weights": list(config.weights)},
    ):
        yield f"{CERTIFICATE}: {where} is {here}, but the settings give {there}"


def _claims(record: SearchRecord) -> dict[str, Any]:
    names = ("status", "architecture", "space_size", "costs", "upper", "lower")
    score = round(record.score / SCORE_UNIT) if isfinite(record.score) else record.score
    return {**{name: getattr(record, name) for name in names}, "score": score}


def _claims_of(certificate: Certificate) -> dict[str, Any]:
    names = ("status", "space_size", "costs", "upper", "lower", "score")
    text = " ".join(str(part) for part in certificate.architecture if part)
    return {**{name: getattr(certificate, name) for name in names}, "architecture": text}
