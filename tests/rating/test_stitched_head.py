"""Stitched networks with linear readouts: maps between blocks and a classifier, composed by hand."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from helixnas.data import ImageSet
from helixnas.engine import Runtime
from helixnas.rating import StitchedHead, Stitching, StitchingConfig, fit_classifier, fit_readouts, pooled_features
from helixnas.rating.path_scores import kl_divergence
from helixnas.rating.readout import read_out
from helixnas.space import SearchSpace
from helixnas.supernet import Interface, Supernet
from helixnas.teacher import Teacher

MakeImages = Callable[[int], ImageSet]
TEXT = "6:mb2_k5 8:mb2_k3,mb2_k5"


@pytest.fixture
def head_of(teacher: Teacher, make_images: MakeImages, runtime: Runtime) -> Callable[[Supernet], StitchedHead]:
    """Return a function that fits the head of a supernet's stitched networks."""

    def fit(supernet: Supernet) -> StitchedHead:
        common = {"batch_size": 8, "runtime": runtime, "seed": 0}
        readouts = fit_readouts(teacher, supernet, make_images(24), num_images=24, **common)
        pooled = pooled_features(teacher, make_images(24), num_images=24, **common)
        return StitchedHead(readouts, fit_classifier(*pooled, num_classes=3))

    return fit


@pytest.mark.parametrize("interface", ["adapter", "widen"])
@torch.no_grad()
def test_a_block_receives_the_mapped_output_of_the_block_before(
    teacher: Teacher,
    space: SearchSpace,
    supernet_of: Callable[[Interface], Supernet],
    head_of: Callable[[Supernet], StitchedHead],
    interface: Interface,
) -> None:
    supernet, images = supernet_of(interface), torch.rand(4, 3, 8, 8)
    head, architecture = head_of(supernet), space.parse(TEXT)
    first, second = architecture.paths
    small, large = list(supernet.block(1))[1], next(iter(supernet.block(2)))
    widths = (4, 4) if interface == "widen" else (4, 6)
    one = head.readouts[1][widths[0], 1][list(small.cell.paths()).index(first)]
    two = head.readouts[2][widths[1], 0][list(large.cell.paths()).index(second)]
    y_0 = teacher.normalize(images)
    expected = read_out(two, large(read_out(one, small(y_0, first, 4)), second, 6))
    assert torch.equal(head.features(supernet, architecture, y_0, stem_width=4), expected)
    assert torch.equal(head.logits(expected), head.classifier(F.adaptive_avg_pool2d(expected, 1).flatten(1)))


@torch.no_grad()
def test_readouts_bring_outputs_nearer_to_the_teachers_features(
    teacher: Teacher, supernet: Supernet, make_images: MakeImages, head_of: Callable[[Supernet], StitchedHead]
) -> None:
    head = head_of(supernet)
    (batch,) = make_images(24).batches(batch_size=24, seed=0, augment=False, shuffle=False)
    source, target, _ = teacher.features(batch.images)
    cell = next(iter(supernet.block(1)))
    for number, path in enumerate(cell.cell.paths()):
        output = cell(source, path, 4)
        mapped = read_out(head.readouts[1][4, 0][number], output)
        assert F.mse_loss(mapped, target) < F.mse_loss(output, target)


@torch.no_grad()
def test_stitched_networks_and_the_teacher_are_judged_by_the_same_classifier(
    teacher: Teacher,
    space: SearchSpace,
    supernet: Supernet,
    make_images: MakeImages,
    runtime: Runtime,
    head_of: Callable[[Supernet], StitchedHead],
) -> None:
    head, images = head_of(supernet), make_images(8)
    config = StitchingConfig(num_architectures=1, batch_size=8)
    job = Stitching(teacher, supernet, space, images, config=config, runtime=runtime, seed=0, head=head)
    (record,) = job
    (batch,) = images.batches(batch_size=8, seed=0, epoch=1, augment=False, shuffle=True)
    assert batch.labels is not None
    y_0 = teacher.normalize(batch.images)
    logits = head.logits(head.features(supernet, record.architecture, y_0, stem_width=4))
    expected = kl_divergence(logits, head.logits(teacher.features(batch.images)[-1]))
    assert record.divergence == pytest.approx(float(expected), rel=1e-5)
    assert record.accuracy == float((logits.argmax(1) == batch.labels).float().mean())
