"""Answers to images as text."""

import numpy as np
import pytest

from helixnas.artifacts.peers.answers import from_text, to_text


@pytest.mark.parametrize("number", [1, 7, 8, 9, 359])
def test_answers_come_back(number: int) -> None:
    right = np.random.default_rng(number).random(number) < 0.5
    assert np.array_equal(from_text(to_text(right), number), right)


def test_answers_to_another_number_of_images_are_refused() -> None:
    with pytest.raises(ValueError, match="answers to about 8 images, but there are 9"):
        from_text("ff", 9)
