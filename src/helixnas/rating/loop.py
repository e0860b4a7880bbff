"""Rating: the scores of every path of every block on held-out images (Eq. 7, Alg. 1).

Per batch one teacher pass serves all blocks. Batches are drawn in seeded random order: sources are often sorted by
class, and batch statistics depend on the mix.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from helixnas.artifacts import RatingTable
from helixnas.data import ImageSet
from helixnas.engine.distributed.parallel import DataParallel
from helixnas.engine.gpu.graphs import CudaGraphs, call
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import ConfigError
from helixnas.nn import BlockHeads
from helixnas.rating.config import EMBEDDING_DISTANCE, RatingConfig
from helixnas.rating.path_scores import PathScores
from helixnas.rating.readout import BlockReadouts, read_out
from helixnas.rating.shard import Piece, Shard, share_out
from helixnas.rating.tree import Score, rate_cell
from helixnas.space import Path
from helixnas.supernet import Supernet, SupernetBlock
from helixnas.teacher import Teacher


@dataclass(frozen=True)
class BatchRecord:
    """What is done of a batch, rated or used to fit readouts."""

    step: int
    """Steps done, of `Rating.num_steps`."""

    num_paths: int
    """Paths that every batch is evaluated for."""


@dataclass(eq=False)
class Rating:
    """Rates all paths of all blocks on held-out `images`, batch by batch, in an order that `seed` decides.

    The trained supernet does not change. Readouts, if any, are fitted on `training_images`. The projection `heads` by number
    of the block are those that the supernet was trained with (DNA++); embeddings are compared with them.
    """

    teacher: Teacher
    supernet: Supernet
    images: ImageSet
    _: KW_ONLY
    training_images: ImageSet | None = None
    heads: Mapping[int, BlockHeads] = field(default_factory=dict[int, BlockHeads])
    config: RatingConfig
    runtime: Runtime
    seed: int
    shard: Shard = field(default_factory=Shard)
    """Which paths are rated, all by default."""
    parallel: DataParallel | None = None
    """The processes that rate together, each some of the paths on all images; all have the scores of all paths."""

    def __post_init__(self) -> None:
        config, number = self.config, len(self.images)
        self.batch_sizes = _batch_sizes(number, config.batch_size)
        if config.batch_norm == "recalibrated" and len(self.batch_sizes) < 2:
            raise ConfigError(
                f"rating.batch_norm=recalibrated needs two batches, but {number} images make one of {config.batch_size}; "
                "choose a smaller rating.batch_size"
            )
        if EMBEDDING_DISTANCE in config.scores and not self.heads:
            raise ConfigError(
                "the score embedding_distance needs the projection heads of distill.objective=self-supervised; choose "
                "rating.scores=[relative_l1]"
            )
        if config.readout != "linear":
            self.training_images = None
        elif self.training_images is None:
            raise ConfigError("rating.readout=linear needs training images to fit readouts on")
        self._run = CudaGraphs() if self.runtime.cuda_graphs else call
        self.readouts: dict[int, dict[Piece, Tensor]] = {}
        self.blocks = tuple(self.shard.blocks(self.supernet))
        self.pieces = {block: self.shard.pieces(block, by_prefix=self.parallel is not None) for block in self.blocks}
        self.num_paths = {piece: len(piece.paths) for block in self.blocks for piece in self.pieces[block]}
        self.owners = self._share_out()
        self.scores: dict[int, npt.NDArray[np.float64]] = {
            block.number: np.empty((self._num_rows(block), 0, len(config.scores))) for block in self.blocks
        }

    def _share_out(self) -> dict[Piece, int]:
        """Return which process rates every piece; one alone rates all."""
        number = 1 if self.parallel is None else self.parallel.size
        sizes = [0 if piece.is_copied else paths for piece, paths in self.num_paths.items()]
        return dict(zip(self.num_paths, share_out(sizes, number), strict=True))

    def _is_own(self, piece: Piece) -> bool:
        return self.parallel is None or self.owners[piece] == self.parallel.rank

    @property
    def num_done(self) -> int:
        """Batches rated so far."""
        return next(iter(self.scores.values())).shape[1]

    @property
    def num_steps(self) -> int:
        """Batches times pieces (`Shard.pieces`) to rate, and before that, batches to fit every block's readouts on."""
        return self._num_fitting_steps + len(self.batch_sizes) * len(self.num_paths)

    @property
    def _num_fitting_steps(self) -> int:
        return len(self._fitting_sizes()) * len(self.scores)

    def __iter__(self) -> Iterator[BatchRecord]:
        """Yield a record per piece of every batch until all images are rated; of several processes, one per batch.

        A caller may stop after any of them: the state is that after the last whole batch.
        """
        done, recalibrated = self.num_done, self.config.batch_norm == "recalibrated"
        if done == len(self.batch_sizes):
            return
        yield from self._fit()
        num_rows = sum(map(len, self.scores.values()))
        before = max(0, done - 1) if recalibrated else done
        previous: tuple[Tensor, ...] | None = None
        for number, images in enumerate(self._batches(before), start=before):
            with self._at_work():
                placed = self.runtime.images(images)
                features, logits = self.teacher.features_and_logits(placed)
                if recalibrated and number == 0:
                    previous = self._last_features()
            if number >= done:
                finished = self._num_fitting_steps + number * len(self.num_paths)
                for pieces in self._rate(placed, features, logits, previous):
                    yield BatchRecord(finished + pieces, num_rows)
            previous = features if recalibrated else None

    @contextmanager
    def _at_work(self) -> Generator[None]:
        """Compute without gradients, in the precision of the runtime; records are yielded outside, where callers compute."""
        explained = explain_out_of_memory("rating.batch_size", self.config.batch_size)
        with explained, torch.no_grad(), self.runtime.autocast():
            yield

    def _fitting_sizes(self) -> list[int]:
        if self.training_images is None:
            return []
        return _batch_sizes(min(self.config.readout_images, len(self.training_images)), self.config.batch_size)

    def _fit(self) -> Iterator[BatchRecord]:
        """Find the readouts block by block: only one block's sums are held at a time."""
        images, sizes, step = self.training_images, self._fitting_sizes(), 0
        if images is None or self.readouts:
            return
        for block in self.blocks:
            fit = BlockReadouts(block, [piece for piece in self.pieces[block] if self._is_own(piece)])
            stream = images.batches(batch_size=sizes[0], seed=self.seed, augment=False, shuffle=True, drop_last=True)
            for _, batch in zip(sizes, stream, strict=False):
                with self._at_work():
                    fit.add(self.teacher.features(self.runtime.images(batch.images)))
                step += 1
                yield BatchRecord(step, self._num_rows(block))
            self.readouts[block.number] = fit.solve()

    def _batches(self, skip: int) -> Iterator[Tensor]:
        """Yield the images of every batch; a last batch too small for statistics joins the one before."""
        held: Tensor | None = None
        total = len(self.batch_sizes)
        stream = self.images.batches(
            batch_size=self.config.batch_size, seed=self.seed, augment=False, shuffle=True, skip=skip
        )
        for number, batch in enumerate(self.runtime.ahead(stream, thread_safe=True), start=skip):
            if held is not None:
                yield torch.cat([held, batch.images]) if number == total else held
                held = None
                if number == total:
                    return
            held = batch.images
        if held is not None:
            yield held

    def _last_features(self) -> tuple[Tensor, ...]:
        """Return the features of the last batch: the first batch is normalised by them."""
        last = next(iter(self._batches(len(self.batch_sizes) - 1)))
        return self.teacher.features(self.runtime.images(last))

    def _rate(
        self, images: Tensor, features: tuple[Tensor, ...], logits: Tensor, calibration: tuple[Tensor, ...] | None
    ) -> Iterator[int]:
        """Rate all paths on a batch and keep the scores; yield the number of finished pieces."""
        columns = list[Tensor]()
        for block in self.blocks:
            with self._at_work():
                score = PathScores(
                    self.config.scores,
                    teacher=self.teacher,
                    images=images,
                    features=features,
                    logits=logits,
                    block=block.number,
                    heads=self.heads.get(block.number),
                )
            source, others = features[block.number - 1], None if calibration is None else calibration[block.number - 1]
            for piece in self.pieces[block]:
                if piece.is_copied or not self._is_own(piece):
                    size = self.num_paths[piece], len(self.config.scores)
                    columns.append(torch.zeros(size, device=self.runtime.device))  # known later
                    continue
                with self._at_work():
                    read = self._reading(score, block.number, piece)
                    how: dict[str, Any] = {"prefix": piece.prefix, "run": self._run}
                    columns.append(rate_cell(piece.cell, source, piece.width, read, calibration=others, **how))
                if self.parallel is None and len(columns) < len(self.num_paths):
                    yield len(columns)
        self._keep(torch.cat(columns).cpu().double())
        yield len(self.num_paths)

    def _keep(self, rows: Tensor) -> None:
        """Keep the scores of a batch, those of every piece from the process that has them; nothing is summed."""
        by_process = [rows] if self.parallel is None else self.parallel.gather(rows)
        parts = [found.numpy() for found in by_process]
        start = 0
        for block in self.blocks:
            found: dict[Piece, npt.NDArray[np.float64]] = {}
            for piece in self.pieces[block]:
                end = start + self.num_paths[piece]
                first = replace(piece, width=piece.first_width)
                found[piece] = found[first] if piece.is_copied else parts[self.owners[piece]][start:end]
                start = end
            column = np.concatenate(list(found.values()))
            self.scores[block.number] = np.concatenate([self.scores[block.number], column[:, None]], axis=1)

    def _reading(self, score: PathScores, block: int, piece: Piece) -> Score:
        """Return the score of the paths of a piece, called in their order; with readouts, each path uses its own."""
        if not self.readouts:
            return score
        readouts = iter(self.readouts[block][piece])
        return lambda prediction: score(read_out(next(readouts), prediction))

    def tables(self) -> tuple[RatingTable, ...]:
        """Return the finished tables of all blocks of the shard, rows by previous width, then cell, then path."""
        return tuple(map(self._table, self.blocks))

    def _table(self, block: SupernetBlock) -> RatingTable:
        paths = self._paths(block)
        repeats = len(block.previous_widths)
        return RatingTable(
            block=block.number,
            previous_width=np.repeat(np.array(block.previous_widths, dtype=np.int64), len(paths)),
            path=tuple(path.text for path in paths) * repeats,
            width=np.tile(np.array([path.width for path in paths], dtype=np.int64), repeats),
            batch_sizes=np.array(self.batch_sizes[: self.num_done], dtype=np.int64),
            scores={name: self.scores[block.number][:, :, i] for i, name in enumerate(self.config.scores)},
        )

    def _paths(self, block: SupernetBlock) -> list[Path]:
        return [path for _, cell in self.shard.cells(block) for path in self.shard.paths(cell.cell)]

    def _num_rows(self, block: SupernetBlock) -> int:
        return len(block.previous_widths) * len(self._paths(block))

    def state(self) -> dict[str, Any]:
        """Return everything needed to continue after the last batch."""
        return {"scores": {number: torch.from_numpy(scores) for number, scores in self.scores.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state` of the same settings."""
        self.scores = {int(number): scores.cpu().numpy() for number, scores in state["scores"].items()}


def _batch_sizes(num_images: int, batch_size: int) -> list[int]:
    full, rest = divmod(num_images, batch_size)
    sizes = [batch_size] * full
    if rest >= max(2, batch_size // 2) or not sizes:
        sizes.append(rest)
    else:
        sizes[-1] += rest
    return sizes
