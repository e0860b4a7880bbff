"""Certificate: the claims of a search, as a value that is also the file ``certificate.json``.

A hash of the candidates, in any order, identifies the instance, so anyone with the same tables can check it (`verify`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from helixnas.artifacts.files import damaged, read_json, understanding, write_text
from helixnas.artifacts.record import from_plain
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search.budget import Budget
from helixnas.search.instance import Instance
from helixnas.search.result import SearchResult, Status

FORMAT = "helixnas-certificate"
VERSION = 1
BIG = ("space_size", "score", "bound")
"""Numbers that may exceed 2^53 and are written as strings."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Instance, limits, answer, and what is proven about it."""

    status: Status
    """Optimal, feasible (then see bound and gap) or infeasible."""

    resources: tuple[str, ...]
    """Costs of the instance, in the order that breaks ties."""

    weights: tuple[float, ...]
    """lambda_k of Eq. 4 per block; empty for 1 each."""

    scores: Mapping[str, float]
    """Coefficients of the rated scores in their sum; empty for the first score alone."""

    space_size: int
    """Architectures in the space, exactly."""

    instance_hash: str
    """SHA-256 of the candidates with their widths, scores, costs and texts."""

    upper: Mapping[str, int]
    lower: Mapping[str, int]
    score: int | None
    """Of the best answer, in units of 1e-12."""

    costs: Mapping[str, int]
    architecture: tuple[str, ...] | tuple[int, ...]
    """Of the best answer, per block of the instance (stem and head included): the text, or the row if there is none."""

    bound: int | None
    """Lower bound on the score inside the limits."""

    gap: float | None
    """Relative gap between score and bound; 0 if proven."""

    num_answers: int
    pruning: Mapping[str, int]
    """See `Pruning`."""

    reason: str
    """Why there is no answer; empty if there is one."""

    @property
    def budget(self) -> Budget:
        """The limits."""
        return Budget(upper=self.upper, lower=self.lower)

    def to_json(self) -> str:
        """Return the JSON text that `load` reads."""
        values: dict[str, Any] = {"format": FORMAT, "version": VERSION, **asdict(self)}
        values |= {name: None if values[name] is None else str(values[name]) for name in BIG}
        return json.dumps(values, indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Write the certificate, whole or not at all."""
        write_text(path, self.to_json())

    @staticmethod
    def load(path: Path) -> "Certificate":
        """Read a certificate; raises `ArtifactError` if the file is missing, damaged or something else."""
        values = read_json(path)
        with understanding(path):
            if (values.pop("format"), values.pop("version")) != (FORMAT, VERSION):
                raise ValueError(f"not a certificate of version {VERSION}")
            values |= {name: _whole(name, values[name]) for name in BIG}
            certificate = from_plain(Certificate, values)
            if not np.isfinite([*certificate.weights, *certificate.scores.values(), certificate.gap or 0.0]).all():
                raise ValueError("a weight, a coefficient or the gap is not a finite number")
        try:
            certificate.budget.check(certificate.resources)
        except (ConfigError, UnknownNameError) as error:
            raise damaged(path, error) from error
        return certificate


def _whole(name: str, text: object) -> int | None:
    """Return the number in a text; raises `ValueError` unless it is a text of digits, or None."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{name} is not a text of digits")
    return int(text)


def certify(
    result: SearchResult, *, weights: Sequence[float] = (), scores: Mapping[str, float] = MappingProxyType({})
) -> Certificate:
    """Return the certificate of a search; `weights` and `scores` are those that its instance was made with."""
    best = result.answers[0] if result.answers else None
    why = result.infeasibility
    return Certificate(
        status=result.status,
        resources=result.instance.resources,
        weights=tuple(weights),
        scores=dict(scores),
        space_size=result.instance.size,
        instance_hash=hash_instance(result.instance),
        upper=dict(result.budget.upper),
        lower=dict(result.budget.lower),
        score=None if best is None else best.score,
        costs={} if best is None else dict(best.costs),
        architecture=() if best is None else best.labels or best.rows,
        bound=result.bound,
        gap=result.gap,
        num_answers=len(result.answers),
        pruning=asdict(result.pruning),
        reason="" if why is None else why.sentence(result.budget),
    )


def hash_instance(instance: Instance) -> str:
    """Return the SHA-256 of an instance; the order of the candidates in memory does not matter."""
    digest = hashlib.sha256(json.dumps([instance.resources, instance.combine]).encode())
    for block in instance.blocks:
        rows = np.lexsort((block.order, block.width_in))
        columns = (block.width_in, block.width_out, block.score, block.order, *block.costs.T)
        digest.update(np.stack(columns)[:, rows].astype("<i8").tobytes())
        labels = None if block.labels is None else [block.labels[row] for row in rows]
        digest.update(json.dumps(labels).encode())
    return digest.hexdigest()
