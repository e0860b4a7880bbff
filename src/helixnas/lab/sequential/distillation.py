"""Progressive distillation (Table 10): block after block, on the student's own features, to compare with concurrent.

Block 1 is trained and its paths are rated (Eq. 7); the best form a beam. Block i is trained behind the prefixes in the
beam, a random one in each step; then every extension of a prefix by a path of block i is rated, and the best form the
next beam. In (A) all blocks 1 .. i are trained from their initial weights as one network: every block has its own target
Y_k, and gradients flow from block to block. In (B) only block i is trained; the earlier blocks are frozen.

Block i ends with the weights of stage i, the only ones with which all its paths were trained; in (A) later stages train
only the paths in the beam. See `docs/decisions/0005-progressive-strategies.md`.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.distill import DistillConfig, Draw, FrozenTeacher, StepRecord, TrainingUnit, build_units, feature_loss
from helixnas.distill.cells import draw_cell
from helixnas.distill.loop import ADVICE, describe_failure
from helixnas.engine.distributed.parallel import DataParallel, part_of, share
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import NonFiniteLossError
from helixnas.lab.sequential.beam import Prefix, ScoredPrefix, best_by_width, extensions
from helixnas.lab.sequential.rating import rate_extensions
from helixnas.nn import at_common_grid
from helixnas.supernet import Supernet, SupernetCell, chain_features
from helixnas.teacher import Teacher

PREFIX_STREAM = 0x70726566
"""Separates the random draws of prefixes from those of paths."""

Trained = tuple[TrainingUnit, tuple[Draw, ...], Tensor]
"""A unit with the paths it trained in a step and their mean loss."""


@dataclass(eq=False)
class Progressive:
    """One block after the other; reproducible from its seed, and resumable between any two records.

    `beams` are, after each finished block, the best prefixes that end with it, best first; `failures` are all blocks, once
    a loss was not finite. The supernet has its initial weights and is trained in place. Prefixes are rated on the
    `held_out` images, in full batches of the training batch size, or in one batch if there are fewer. The seed decides
    order, augmentation and draws. Several processes may train together (`parallel`), each on its part of every batch; each
    rates all prefixes. Raises `ConfigError` if there are fewer training images than one batch holds.
    """

    teacher: Teacher
    supernet: Supernet
    images: ImageSet
    held_out: ImageSet
    _: KW_ONLY
    config: DistillConfig
    runtime: Runtime
    seed: int
    parallel: DataParallel | None = None

    def __post_init__(self) -> None:
        config, supernet, batch_size = self.config, self.supernet, self.config.batch_size
        assert config.is_progressive
        if self.parallel is not None:
            self.parallel.check(batch_size, "distill.batch_size")
        self.source = FrozenTeacher(
            self.teacher,
            self.images,
            batch_size=batch_size,
            runtime=self.runtime,
            seed=self.seed,
            part=part_of(self.parallel),
        )
        self.is_joint = config.strategy == "progressive-a"
        self.num_blocks = len(supernet.blocks)
        self.steps_per_epoch = self.source.steps_per_epoch
        self.steps_per_block = self.steps_per_epoch * config.num_epochs
        self.num_steps = self.num_blocks * self.steps_per_block
        self.stem_width = supernet.block(1).previous_widths[0]
        self.initial = {each.number: copy.deepcopy(each.state_dict()) for each in supernet if self.is_joint}
        self.left: dict[int, dict[str, Tensor]] = {}
        self.beams: list[tuple[ScoredPrefix, ...]] = []
        self.failures: dict[int, str] = {}
        self._begin(1)

    def _begin(self, stage: int) -> None:
        """Start the training of block number `stage`, from initial weights."""
        self.stage, self.step = stage, 0
        self.scores: list[Tensor] = []
        self.supernet.zero_grad(set_to_none=True)  # gradients of earlier stages would only take memory
        trained = [self.supernet.block(number) for number in range(1 if self.is_joint else stage, stage + 1)]
        if self.is_joint:
            for block in trained:
                block.load_state_dict(self.initial[block.number])
        self.units = {block.number: build_units(block, config=self.config, seed=self.seed) for block in trained}

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """The prefixes that the current block is trained behind: for block 1, an empty one."""
        return tuple(each.prefix for each in self.beams[self.stage - 2]) if self.stage > 1 else ((),)

    def __iter__(self) -> Iterator[StepRecord]:
        """Yield a record per step, and one without losses per rated batch, until all blocks are done.

        Raises:
            NonFiniteLossError: a loss was not finite; the message names block, step, path and batch.
            OutOfMemoryError: the batch does not fit.
        """
        while self.stage <= self.num_blocks:
            yield from self._train()
            yield from self._rate()
            self._end_block()
            if self.stage < self.num_blocks:
                self._begin(self.stage + 1)
            else:
                self.stage += 1
        for number, weights in self.left.items():
            self.supernet.block(number).load_state_dict(weights)

    def _train(self) -> Iterator[StepRecord]:
        for views in self.source.batches(self.step, self.steps_per_block):
            with explain_out_of_memory("distill.batch_size", self.config.batch_size):
                losses = self._train_on(views)
            self.step += 1
            yield StepRecord(self._num_done, (self.step - 1) // self.steps_per_epoch, losses, self.config.batch_size)

    @property
    def _num_done(self) -> int:
        return (self.stage - 1) * self.steps_per_block + self.step

    def _train_on(self, views: tuple[Tensor, ...]) -> dict[tuple[int, int], float]:
        """Train the cells of the current block, and in (A) those of the drawn prefix, on one batch."""
        parallel = self.parallel
        with nullcontext() if parallel is None else parallel.as_one_batch():
            trained = self._set_gradients(views)
        losses = torch.stack([loss for *_, loss in trained])
        values: list[float] = (losses if parallel is None else parallel.average(losses)).tolist()
        for (unit, drawn, _), value in zip(trained, values, strict=True):
            if not math.isfinite(value):
                raise self._failure(value, unit, drawn)
        if parallel is not None:
            parallel.average_gradients(unit.optimizer for unit, *_ in trained)
        for unit, *_ in trained:
            unit.step(self.step / self.steps_per_epoch, runtime=self.runtime)
        self.runtime.end_step()
        pairs = zip(trained, values, strict=True)
        return {(unit.block, unit.index): value for (unit, *_), value in pairs if unit.block == self.stage}

    def _set_gradients(self, views: tuple[Tensor, ...]) -> list[Trained]:
        """Set the gradients of a step, and return what they train."""
        prefix = self._draw_prefix()
        width = prefix[-1].width if prefix else self.stem_width
        flows = self.is_joint and bool(prefix)
        (features,) = self.source.features(views)
        with torch.set_grad_enabled(flows), self.runtime.autocast():
            estimates = chain_features(self.supernet, prefix, features[0], previous_width=self.stem_width)
        received = (estimates[-1] if prefix else features[0]).detach().requires_grad_(flows)
        given = [*features[: self.stage - 1], received, *features[self.stage :]]
        block, trained = self.supernet.block(self.stage), list[Trained]()
        for unit in self.units[self.stage]:
            drawn = draw_cell(block, unit.index, self.step, config=self.config, seed=self.seed, previous_width=width)
            trained.append((unit, drawn, unit.accumulate([given], drawn, runtime=self.runtime)))
        if received.grad is not None:
            trained += self._train_before(prefix, estimates, features, pull=received.grad / len(trained))
        return trained

    def _draw_prefix(self) -> Prefix:
        """Return the prefix of this step, any of the beam, from (seed, block, step)."""
        rng = np.random.default_rng((self.seed, self.stage, self.step, 0, PREFIX_STREAM))
        return self.prefixes[int(rng.integers(len(self.prefixes)))]

    def _train_before(
        self, prefix: Prefix, estimates: Sequence[Tensor], features: Sequence[Tensor], *, pull: Tensor
    ) -> list[Trained]:
        """Set the gradients of a prefix: those of its blocks' own losses, and `pull`, the gradient from the block behind."""
        trained: list[Trained] = []
        width = self.stem_width
        for number, (path, estimate) in enumerate(zip(prefix, estimates, strict=True), start=1):
            cell = self.supernet.block(number).cell_of(path)
            assert isinstance(cell, SupernetCell), "cells that share weights are refused"
            unit = next(unit for unit in self.units[number] if unit.module is cell)
            unit.optimizer.zero_grad(set_to_none=True)
            trained.append((unit, (Draw(width, path),), feature_loss(*at_common_grid(estimate, features[number]))))
            width = path.width
        estimates[-1].register_hook(lambda gradient: gradient + pull)
        self.runtime.backward(torch.stack([loss for *_, loss in trained]).sum())
        return [(unit, drawn, loss.detach()) for unit, drawn, loss in trained]

    def _failure(self, value: float, unit: TrainingUnit, draws: Sequence[Draw]) -> NonFiniteLossError:
        """Mark all blocks as failed; return the error that says where."""
        training = f" of block {self.stage}'s training"
        steps_per_epoch = self.steps_per_epoch
        where = describe_failure(unit, draws, value, step=self.step, steps_per_epoch=steps_per_epoch, training=training)
        self.failures = dict.fromkeys(range(1, self.num_blocks + 1), where)
        return NonFiniteLossError(
            f"{where}; with distill.strategy={self.config.strategy} every block needs those before it, so none is kept; "
            f"{ADVICE}"
        )

    def _rate(self) -> Iterator[StepRecord]:
        """Rate every extension of a prefix by the current block, batch by batch."""
        for batch in self.held_out.batches(
            batch_size=min(self.config.batch_size, len(self.held_out)),
            seed=self.seed,
            augment=False,
            shuffle=True,
            skip=len(self.scores),
            drop_last=True,
        ):
            with explain_out_of_memory("distill.batch_size", self.config.batch_size):
                (features,) = self.source.features((batch.images,))
                with self.runtime.autocast():
                    scores = rate_extensions(self.supernet, self.prefixes, features)
                self.scores.append(scores.cpu().double())
            if self.parallel is not None:  # the beam must be the same everywhere
                first = share(self.scores[-1])
                assert first is not None, "the first process gave it"
                self.scores[-1] = first
            yield StepRecord(self._num_done, self.config.num_epochs - 1, {}, len(batch.images))

    def _end_block(self) -> None:
        """Form the beam after the current block, and in (A) save the block's weights, which later stages change."""
        block = self.supernet.block(self.stage)
        scores: list[float] = torch.stack(self.scores).mean(0).tolist()
        self.beams.append(best_by_width(extensions(self.prefixes, block), scores, self.config.num_kept))
        if self.is_joint:
            self.left[self.stage] = copy.deepcopy(block.state_dict())

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume after the last record."""
        return {
            "stage": self.stage,
            "step": self.step,
            "scores": list(self.scores),
            "kept": [[([path.text for path in prefix], score) for prefix, score in beam] for beam in self.beams],
            "supernet": self.supernet.state_dict(),
            "optimizers": {n: [unit.optimizer.state_dict() for unit in units] for n, units in self.units.items()},
            "left": dict(self.left),
            "runtime": self.runtime.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        known = [{path.text: path for cell in block for path in cell.cell.paths()} for block in self.supernet]
        self.beams = [
            tuple(
                ScoredPrefix(tuple(paths[text] for paths, text in zip(known, texts, strict=False)), score)
                for texts, score in beam
            )
            for beam in state["kept"]
        ]
        self._begin(state["stage"])
        self.step, self.scores = state["step"], [scores.cpu() for scores in state["scores"]]
        self.supernet.load_state_dict(state["supernet"])
        for number, optimizers in state["optimizers"].items():
            for unit, optimizer in zip(self.units[number], optimizers, strict=True):
                unit.optimizer.load_state_dict(optimizer)
        self.left = dict(state["left"])
        self.runtime.restore(state["runtime"])
