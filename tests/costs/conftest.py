"""A space small enough to be timed and exported in a test."""

import pytest

from helixnas.costs import Input
from helixnas.space import SearchSpace, load_space


@pytest.fixture(scope="session")
def tiny() -> SearchSpace:
    return load_space(
        {
            "family": "mbconv",
            "name": "tiny",
            "cells": [[[1, 8], [2, 12]], [[1, 12]]],
            "strides": [1, 2],
            "kernels": [3],
            "expansions": [2],
            "stem_width": 8,
            "stem_stride": 1,
            "separable_width": 0,
            "head_width": 16,
        }
    )


@pytest.fixture(scope="session")
def given() -> Input:
    return Input(image_size=8, num_classes=3)
