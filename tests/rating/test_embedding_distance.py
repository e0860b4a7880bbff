import pytest
import torch

from helixnas.nn import BlockHeads, ProjectionHead, build_seeded
from helixnas.rating import PathScores, embedding_distance
from helixnas.teacher import Teacher


def embeddings(seed: int, batch: int = 2000, dimensions: int = 4) -> torch.Tensor:
    return torch.randn(batch, dimensions, generator=torch.Generator().manual_seed(seed))


def test_equal_embeddings_score_0_and_unrelated_ones_2() -> None:
    z = 3 * embeddings(0) + 5
    assert embedding_distance(z, z).item() == 0
    assert embedding_distance(3 * embeddings(1) + 5, z).item() == pytest.approx(2, abs=0.1)


def test_distance_is_that_of_both_sides_standardised_by_the_teachers_mean_and_spread() -> None:
    student, teacher = embeddings(2, 6), embeddings(3, 6) * torch.tensor([1.0, 2.0, 3.0, 4.0]) - 1
    mean, spread = teacher.mean(0), (teacher.var(0) + 1e-4).sqrt()
    expected = ((student - mean) / spread - (teacher - mean) / spread).square().mean()
    assert embedding_distance(student, teacher).item() == pytest.approx(expected.item(), rel=1e-5)


def test_dimensions_weigh_alike_whatever_their_scale() -> None:
    student, teacher, scale = embeddings(4), embeddings(5), torch.tensor([1.0, 10.0, 100.0, 1000.0])
    assert embedding_distance(scale * student, scale * teacher).item() == pytest.approx(
        embedding_distance(student, teacher).item(), rel=1e-3
    )


def test_a_constant_dimension_of_the_teacher_leaves_the_score_finite() -> None:
    teacher = embeddings(6)
    teacher[:, 0] = 1.0
    assert torch.isfinite(embedding_distance(embeddings(7), teacher))


def test_a_path_is_scored_by_the_students_head_against_the_teachers(two_convolutions) -> None:
    teacher: Teacher = two_convolutions(3)
    sides = [build_seeded(lambda: ProjectionHead(6, expansion=12, widths=(8, 5)), (0, side)) for side in (1, 2)]
    heads = BlockHeads(*sides).eval()
    images = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    features, logits = teacher.features_and_logits(images)
    score = PathScores(
        ["embedding_distance"], teacher=teacher, images=images, features=features, logits=logits, block=1, heads=heads
    )
    prediction = features[1] + 0.1
    expected = embedding_distance(heads.student(prediction), heads.teacher(features[1]))
    torch.testing.assert_close(score(prediction), expected[None])
