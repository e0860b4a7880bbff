"""verify: check the certificates of a run against its tables, independently of the solver.

The instance is rebuilt from the tables for `helixnas.search.verify`. In addition, the score is summed in floats from the
ratings, costs are read from the cost table, and the size from the space. Ratings and costs themselves are not checked.
"""

from dataclasses import replace
from pathlib import Path

from helixnas.artifacts.files import read_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.pipeline.work.search import CERTIFICATE, load_tables, reading_settings
from helixnas.search import Certificate, Tables, Verification, combine_scores, verify
from helixnas.space import Architecture, SearchSpace, load_space

ROUNDING = 1e-9
"""Largest accepted difference between a score summed in floats and the integers of the certificate."""


def verify_run(folder: RunFolder, name: str | None, *, time_limit_s: float) -> list[tuple[str, Verification]]:
    """Check the certificate of one search, or of all that have one.

    Raises:
        ArtifactError: the run is not rated, or has no search yet.
        UnknownNameError: there is no search of that name, or a certificate names a resource that is gone.
        ConfigError: a certificate names an architecture that the tables do not hold.
    """
    names = sorted(file.parent.name for file in folder.path.glob(f"searches/*/{CERTIFICATE}"))
    tables = load_tables(folder, folder.load_record())
    with reading_settings(folder):
        space = load_space(folder.load_settings()["space"])
    if not names:
        raise ArtifactError(
            f"no search of {folder.path} has a certificate; make one with: helixnas search {folder.path}"
        )
    if name is not None and name not in names:
        raise UnknownNameError("search", name, names)
    chosen = names if name is None else [name]
    return [(each, _verify(folder.search(each), tables, space, time_limit_s)) for each in chosen]


def _verify(search: Path, tables: Tables, space: SearchSpace, time_limit_s: float) -> Verification:
    certificate = Certificate.load(search / CERTIFICATE)
    if certificate.scores:
        tables = replace(tables, ratings=combine_scores(tables.ratings, certificate.scores))
    instance = tables.instance(certificate.resources, weights=certificate.weights or None)
    found = verify(instance, certificate, time_limit_s=time_limit_s)
    problems = [*found.problems]
    if certificate.space_size != space.size:
        problems.append(f"the space of the settings holds {space.size:,} architectures")
    if certificate.status != "infeasible":
        problems += _problems_of_files(search, certificate, tables)
    return replace(found, problems=tuple(problems))


def _problems_of_files(search: Path, certificate: Certificate, tables: Tables) -> list[str]:
    """Compare the certificate with architecture.json, the ratings and the cost table."""
    architecture = Architecture.from_json(read_text(search / "architecture.json"))
    text = " ".join(str(part) for part in certificate.architecture if part)
    if architecture.text != text:
        return [f"architecture.json holds {architecture.text}, not {text}"]
    score, width = 0.0, int(tables.costs.width[tables.costs.rows(0)[0]])
    weights = certificate.weights or (1.0,) * len(tables.ratings)
    for table, path, weight in zip(tables.ratings, architecture.paths, weights, strict=True):
        score += weight * float(table.mean()[table.row(width, path.text)])
        width = path.width
    problems: list[str] = []
    if abs(score - (certificate.score or 0) * 1e-12) > ROUNDING:
        problems.append(f"the ratings sum to {score:.12f}")
    costs = tables.costs.of(architecture)
    problems += [f"the cost table says {n} {costs[n]:,}" for n, cost in certificate.costs.items() if cost != costs[n]]
    return problems
