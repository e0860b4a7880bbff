"""State of a distillation that stopped early (``stop_at``), from which one with a later stop resumes bit for bit.

Its key is that of the full distillation.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from helixnas.artifacts.files import remove
from helixnas.distill import Distillation
from helixnas.engine import load_checkpoint, save_checkpoint
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import plan


class Continuation:
    """The saved state of a distillation of all blocks; of a job that trains only some, nothing is saved."""

    def __init__(self, context: Context, job: Distillation) -> None:
        whole = replace(context.recipe, distill=replace(context.recipe.distill, stop_at=1.0))
        self.key = next(stage.key for stage in plan(whole.to_dict()) if stage.name == "distill")
        self.file = context.folder.supernet_state
        self.device = context.runtime.device
        self.job = job
        self.is_whole = {each.block for each in job.units} == set(range(1, len(context.space.blocks) + 1))

    def offer(self, checkpoint: Path, key: str) -> None:
        """Use the saved state as checkpoint if there is none and the state has the same settings and no later step."""
        if not self.is_whole or checkpoint.is_file() or not self.file.is_file():
            return
        kept = load_checkpoint(self.file, self.device)
        if kept.get("key") == self.key and kept["job"]["step"] <= self.job.num_steps:
            save_checkpoint(checkpoint, {**kept, "key": key})

    def keep(self, history: Mapping[str, Any]) -> None:
        """Save the state of a distillation that stopped early; delete it after a complete one."""
        if not self.is_whole:
            return
        if self.job.config.stop_at < 1:
            save_checkpoint(self.file, {"key": self.key, "job": self.job.state(), "history": history})
        else:
            remove(self.file)
