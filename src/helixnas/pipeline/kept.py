"""What a progressive distillation kept after each block, as a file: the best of the last block is the strategy's answer."""

from pathlib import Path

from helixnas.artifacts.files import read_json, understanding, write_json
from helixnas.distill import Progressive


def save_kept(job: Progressive, path: Path, key: str) -> None:
    """Write what a finished distillation kept, whole or not at all; `key` is that of its stage."""
    blocks = [
        [{"paths": " ".join(each.text for each in kept.prefix), "score": kept.score} for kept in of_block]
        for of_block in job.kept
    ]
    write_json(path, {"key": key, "blocks": blocks})


def load_kept(path: Path, key: str) -> list[list[tuple[str, float]]] | None:
    """Return per block what was kept, best first, as text and score (Eq. 7); None where no stage of this key wrote it.

    Raises:
        ArtifactError: the file is damaged.
    """
    if not path.is_file():
        return None
    values = read_json(path)
    with understanding(path):
        if values["key"] != key:
            return None
        return [[(str(each["paths"]), float(each["score"])) for each in of_block] for of_block in values["blocks"]]
