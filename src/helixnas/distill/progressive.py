"""Progressive distillation (Table 10): block after block, on the student's own features, for comparison with ours.

Block 1 is trained and its paths are rated (Eq. 7); the best are kept. Block i is trained behind the kept beginnings of
blocks 1 .. i - 1, a random one of them in each step; then every way to go on from a kept beginning by a path of block i
is rated, and the best are kept. In (A) all blocks 1 .. i are trained from their first weights, in one network: every
block is held to its own Y_k, and gradients flow from block to block. In (B) block i alone is, the earlier ones frozen.

The best are kept *for each width* that the block may give, because a block's first layers, and so its scores, depend on
the width it receives: none would be trained behind a width of which nothing is kept. With one width this is the paper's.
What is left of block i are the weights of stage i, the only ones with which all its paths were trained; in (A) later
stages train no more of it than what is kept. `docs/decisions/0005-progressive-strategies.md` tells more.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.distill.config import DistillConfig
from helixnas.distill.job import CellJob
from helixnas.distill.loop import StepRecord, steps_per_epoch, training_batches
from helixnas.distill.loss import feature_loss
from helixnas.distill.sampling import Draw
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import NonFiniteLossError
from helixnas.space import Path
from helixnas.supernet import Supernet, SupernetBlock, chain_features
from helixnas.teacher import Teacher

Prefix = tuple[Path, ...]
"""The beginning of a network: a path for each of blocks 1 .. i."""

Rate = Callable[[Supernet, Sequence[Prefix], Sequence[Tensor]], Tensor]
"""Maps a supernet, prefixes and Y_0 .. Y_N to the score of every prefix with every path of the next block, lower is
better, in the order of `extensions`."""

PREFIX_STREAM = 0x70726566
"""Keeps the draws of prefixes apart from those of paths."""


class Kept(NamedTuple):
    """A prefix that was kept."""

    prefix: Prefix
    score: float


class Progressive:
    """One block after the other; the same for the same seed, and resumable between any two records.

    Attributes:
        kept: after each finished block, the best prefixes that end with it, best first.
        failures: every block, once a loss was not finite: no block can be left out here.

    Args:
        teacher: frozen; gives Y_0 .. Y_N.
        supernet: with its first weights; trained in place.
        images: training images.
        held_out: images that prefixes are rated on, in full batches of the training's size or in one.
        config: how to train; of a progressive strategy.
        runtime: device and precision.
        seed: decides order, augmentation and draws.
        rate: how prefixes are rated.

    Raises:
        ConfigError: there are fewer images than one batch holds.
    """

    def __init__(
        self,
        teacher: Teacher,
        supernet: Supernet,
        images: ImageSet,
        held_out: ImageSet,
        *,
        config: DistillConfig,
        runtime: Runtime,
        seed: int,
        rate: Rate,
    ) -> None:
        assert config.is_progressive
        self.teacher = teacher
        self.supernet = supernet
        self.images = images
        self.held_out = held_out
        self.config = config
        self.runtime = runtime
        self.seed = seed
        self.rate = rate
        self.is_joint = config.strategy == "progressive-a"
        self.num_blocks = len(list(supernet))
        self.steps_per_epoch = steps_per_epoch(images, config)
        self.steps_per_block = self.steps_per_epoch * config.num_epochs
        self.num_steps = self.num_blocks * self.steps_per_block
        self.stem_width = supernet.block(1).previous_widths[0]
        self.first_weights = {each.number: copy.deepcopy(each.state_dict()) for each in supernet if self.is_joint}
        self.left: dict[int, dict[str, Tensor]] = {}
        self.kept: list[tuple[Kept, ...]] = []
        self.failures: dict[int, str] = {}
        self._begin(1)

    def _begin(self, stage: int) -> None:
        """Take up the training of block number `stage`, from first weights."""
        self.stage, self.step = stage, 0
        self.scores: list[Tensor] = []
        self.supernet.zero_grad(set_to_none=True)  # what earlier stages leave would only take memory
        trained = range(1 if self.is_joint else stage, stage + 1)
        if self.is_joint:
            for number in trained:
                self.supernet.block(number).load_state_dict(self.first_weights[number])
        self.jobs = {number: self._jobs(self.supernet.block(number)) for number in trained}

    def _jobs(self, block: SupernetBlock) -> list[CellJob]:
        return [
            CellJob(
                cell,
                block=block.number,
                index=index,
                previous_widths=block.previous_widths,
                config=self.config,
                seed=self.seed,
            )
            for index, cell in enumerate(block)
        ]

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """What the block in hand is trained behind: for block 1, nothing."""
        return tuple(each.prefix for each in self.kept[self.stage - 2]) if self.stage > 1 else ((),)

    def __iter__(self) -> Iterator[StepRecord]:
        """Yield a record per step, and one without losses per rated batch, until all blocks are done.

        Raises:
            NonFiniteLossError: a loss was not finite; the message names block, step, path and batch.
            OutOfMemoryError: the batch does not fit.
        """
        while self.stage <= self.num_blocks:
            yield from self._train()
            yield from self._rate()
            self._keep()
            if self.stage < self.num_blocks:
                self._begin(self.stage + 1)
            else:
                self.stage += 1
        for number, weights in self.left.items():
            self.supernet.block(number).load_state_dict(weights)

    def _train(self) -> Iterator[StepRecord]:
        steps = (self.step, self.steps_per_block)
        for epoch, images in training_batches(self.images, self.config, seed=self.seed, steps=steps):
            with explain_out_of_memory("distill.batch_size", self.config.batch_size):
                losses = self._train_on(self.runtime.images(images))
            self.step += 1
            yield StepRecord(self._num_done, epoch, losses, len(images))

    @property
    def _num_done(self) -> int:
        return (self.stage - 1) * self.steps_per_block + self.step

    def _train_on(self, images: Tensor) -> dict[tuple[int, int], float]:
        """Train the cells of the block in hand, and in (A) those of the drawn prefix, on one batch."""
        prefix = self._draw_prefix()
        width = prefix[-1].width if prefix else self.stem_width
        flows = self.is_joint and bool(prefix)
        with torch.no_grad(), self.runtime.autocast():
            features = self.teacher.features(images)
        with torch.set_grad_enabled(flows), self.runtime.autocast():
            estimates = chain_features(self.supernet, prefix, features[0], previous_width=self.stem_width)
        source = (estimates[-1] if prefix else features[0]).detach().requires_grad_(flows)
        trained: list[tuple[CellJob, tuple[Draw, ...], Tensor]] = []
        for job in self.jobs[self.stage]:
            drawn = job.draw(self.step, previous_width=width)
            loss = job.accumulate(
                source,
                features[self.stage],
                drawn,
                autocast=self.runtime.autocast,
                backward=self.runtime.backward,
            )
            trained.append((job, drawn, loss))
        if source.grad is not None:
            trained += self._train_before(prefix, estimates, features, pull=source.grad / len(trained))
        values: list[float] = torch.stack([loss for *_, loss in trained]).tolist()
        for (job, drawn, _), value in zip(trained, values, strict=True):
            if not -float("inf") < value < float("inf"):
                raise self._failure(value, job, drawn)
        for job, *_ in trained:
            job.step(self.step / self.steps_per_epoch, update=self.runtime.step)
        self.runtime.end_step()
        told = zip(trained, values, strict=True)
        return {(job.block, job.index): value for (job, *_), value in told if job.block == self.stage}

    def _draw_prefix(self) -> Prefix:
        """Return what this step's paths are trained behind: any of what is kept, by (seed, block, step)."""
        rng = np.random.default_rng((self.seed, self.stage, self.step, 0, PREFIX_STREAM))
        return self.prefixes[int(rng.integers(len(self.prefixes)))]

    def _train_before(
        self, prefix: Prefix, estimates: Sequence[Tensor], features: Sequence[Tensor], *, pull: Tensor
    ) -> list[tuple[CellJob, tuple[Draw, ...], Tensor]]:
        """Set the gradients of a prefix: those of its blocks' own losses, and `pull`, which comes from the block behind.

        Returns:
            Per block its cell's job, what it trained and the loss.
        """
        trained: list[tuple[CellJob, tuple[Draw, ...], Tensor]] = []
        width = self.stem_width
        for number, (path, estimate) in enumerate(zip(prefix, estimates, strict=True), start=1):
            cell = self.supernet.block(number).cell_of(path)
            job = next(job for job in self.jobs[number] if job.module is cell)
            job.optimizer.zero_grad(set_to_none=True)
            trained.append((job, (Draw(width, path),), feature_loss(estimate, features[number])))
            width = path.width
        estimates[-1].register_hook(lambda gradient: gradient + pull)
        self.runtime.backward(torch.stack([loss for *_, loss in trained]).sum())
        return [(job, drawn, loss.detach()) for job, drawn, loss in trained]

    def _failure(self, value: float, job: CellJob, draws: Sequence[Draw]) -> NonFiniteLossError:
        """Give up all blocks; return the sentence that says where."""
        texts = " and ".join(draw.path.text for draw in draws)
        where = (
            f"the loss of block {job.block} is {value} in step {self.step + 1} of block {self.stage}'s training (batch "
            f"{self.step % self.steps_per_epoch + 1} of epoch {self.step // self.steps_per_epoch + 1}, path {texts})"
        )
        self.failures = dict.fromkeys(range(1, self.num_blocks + 1), where)
        return NonFiniteLossError(
            f"{where}; with distill.strategy={self.config.strategy} every block needs those before it, so none is kept; "
            "try a lower distill.lr or runtime.precision=fp32"
        )

    def _rate(self) -> Iterator[StepRecord]:
        """Rate every way to go on from a kept prefix by the block in hand, batch by batch."""
        for batch in self.held_out.batches(
            batch_size=min(self.config.batch_size, len(self.held_out)),
            seed=self.seed,
            epoch=0,
            augment=False,
            shuffle=True,
            skip=len(self.scores),
            drop_last=True,
        ):
            with explain_out_of_memory("distill.batch_size", self.config.batch_size), torch.no_grad():
                with self.runtime.autocast():
                    features = self.teacher.features(self.runtime.images(batch.images))
                    scores = self.rate(self.supernet, self.prefixes, features)
                self.scores.append(scores.double().cpu())
            yield StepRecord(self._num_done, self.config.num_epochs - 1, {}, len(batch.images))

    def _keep(self) -> None:
        """Keep the best prefixes that end with the block in hand, and in (A) its weights, which later stages change."""
        block = self.supernet.block(self.stage)
        scores: list[float] = torch.stack(self.scores).mean(0).tolist()
        self.kept.append(best_by_width(extensions(self.prefixes, block), scores, self.config.num_kept))
        if self.is_joint:
            self.left[self.stage] = copy.deepcopy(block.state_dict())

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on after the last record."""
        return {
            "stage": self.stage,
            "step": self.step,
            "scores": list(self.scores),
            "kept": [[([path.text for path in each.prefix], each.score) for each in kept] for kept in self.kept],
            "supernet": self.supernet.state_dict(),
            "optimizers": {n: [job.optimizer.state_dict() for job in jobs] for n, jobs in self.jobs.items()},
            "left": dict(self.left),
            "runtime": self.runtime.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` returned for the same settings."""
        known = [{path.text: path for cell in block for path in cell.cell.paths()} for block in self.supernet]
        self.kept = [
            tuple(
                Kept(tuple(paths[text] for paths, text in zip(known, texts, strict=False)), score)
                for texts, score in kept
            )
            for kept in state["kept"]
        ]
        self._begin(state["stage"])
        self.step, self.scores = state["step"], [scores.cpu() for scores in state["scores"]]
        self.supernet.load_state_dict(state["supernet"])
        for number, optimizers in state["optimizers"].items():
            for job, optimizer in zip(self.jobs[number], optimizers, strict=True):
                job.optimizer.load_state_dict(optimizer)
        self.left = dict(state["left"])
        self.runtime.restore(state["runtime"])


def extensions(prefixes: Sequence[Prefix], block: SupernetBlock) -> list[Prefix]:
    """Return every prefix followed by every path of a block: by prefix, then cell, then path."""
    paths = [path for cell in block for path in cell.cell.paths()]
    return [(*prefix, path) for prefix in prefixes for path in paths]


def best_by_width(candidates: Sequence[Prefix], scores: Sequence[float], num_kept: int) -> tuple[Kept, ...]:
    """Return the `num_kept` lowest scores among the candidates of each last width, lowest first; ties in their order.

    >>> from helixnas.space import macro
    >>> small, *_, large = macro(widths=(4, 8), depths=(1, 1)).blocks
    >>> candidates = [(path,) for block in (small, large) for path in block.paths()]
    >>> [kept.score for kept in best_by_width(candidates, [float(score) for score in range(len(candidates))], 1)]
    [0.0, 3.0]
    """
    counts: dict[int, int] = {}
    kept: list[Kept] = []
    for number in np.argsort(np.array(scores), kind="stable").tolist():
        width = candidates[number][-1].width
        counts[width] = counts.get(width, 0) + 1
        if counts[width] <= num_kept:
            kept.append(Kept(candidates[number], scores[number]))
    return tuple(kept)
