"""Feature maps as a picture: the teacher's above the student's, on one scale."""

import numpy as np

from helixnas.report.lab.feature_maps import BETWEEN, GAP, maps_figure, mosaic


def test_an_equal_student_looks_as_the_teacher_does() -> None:
    teacher = np.random.default_rng(0).normal(size=(2, 3, 8, 8))
    picture = mosaic(teacher, teacher)
    side = 72
    assert np.array_equal(picture[:side], picture[side + GAP : 2 * side + GAP])
    assert picture[:side, :side].min() == 0
    assert picture[:side, :side].max() == 255


def test_a_student_is_shown_in_the_teachers_range() -> None:
    teacher = np.arange(64.0).reshape(1, 1, 8, 8)
    picture = mosaic(teacher, np.full_like(teacher, 1000.0))
    assert (picture[72 + GAP :] == 255).all()
    assert picture.shape == (2 * 72 + GAP, 72)
    assert mosaic(np.zeros((2, 1, 8, 8)), np.zeros((2, 1, 8, 8))).shape[0] == 2 * (2 * 72 + GAP) + BETWEEN


def test_the_figure_holds_its_picture() -> None:
    found = maps_figure(2, "8:<a>", np.zeros((1, 2, 4, 4)), np.ones((1, 2, 4, 4)))
    assert 'src="data:image/png;base64,' in found
    assert "teacher above student" in found
    assert "&lt;a&gt;" in found
