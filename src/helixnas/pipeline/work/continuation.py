"""A distillation that stopped early, kept for a longer one of otherwise the same settings to go on from.

What is kept is keyed by the settings without the moment of stopping; a longer distillation finds it as its checkpoint and
ends, bit for bit, as if it had never stopped.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from helixnas.distill import Distillation
from helixnas.engine import load_checkpoint, save_checkpoint
from helixnas.engine.job import discard
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import plan


class Continuation:
    """Where the distillation of all blocks stands at its end.

    Args:
        context: the run.
        job: the distillation, of all blocks or of some; only of all is anything kept.
    """

    def __init__(self, context: Context, job: Distillation) -> None:
        whole = replace(context.recipe, distill=replace(context.recipe.distill, stop_at=1.0))
        self.key = next(stage.key for stage in plan(whole.to_dict()) if stage.name == "distill")
        self.file = context.folder.supernet_state
        self.device = context.runtime.device
        self.job = job
        self.is_whole = {each.block for each in job.units} == set(range(1, len(context.space.blocks) + 1))

    def offer(self, checkpoint: Path, key: str) -> None:
        """Make what is kept the checkpoint to begin from, unless there is one, or it is of other settings or too late."""
        if not self.is_whole or checkpoint.is_file() or not self.file.is_file():
            return
        kept = load_checkpoint(self.file, self.device)
        if kept.get("key") == self.key and kept["job"]["step"] <= self.job.num_steps:
            save_checkpoint(checkpoint, {**kept, "key": key})

    def keep(self, history: Mapping[str, Any]) -> None:
        """Keep the state of a distillation that stopped early; of one that is done, nothing is left to go on with."""
        if not self.is_whole:
            return
        if self.job.config.stop_at < 1:
            save_checkpoint(self.file, {"key": self.key, "job": self.job.state(), "history": history})
        else:
            discard(self.file)
