"""Unreadable images are counted and named."""

import logging

import pytest

from helixnas.data.unreadable import UnreadableImages
from helixnas.errors import DataError


def test_an_unreadable_image_is_logged_once_with_its_path(caplog: pytest.LogCaptureFixture) -> None:
    images = UnreadableImages(title="photos", num_images=100, max_share=0.5)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            images.report(row=3, path="photos/3.jpg", reason="truncated")
    assert [record.getMessage() for record in caplog.records] == [
        "skipping an unreadable image, photos/3.jpg: truncated"
    ]
    assert images.rows == (3,)
    assert images.reasons == {3: "truncated"}


def test_more_than_the_limit_is_an_error_with_count_limit_and_first_path() -> None:
    images = UnreadableImages(title="photos", num_images=1000, max_share=0.002)
    for row in (9, 4):
        images.report(row=row, path=f"photos/{row}.jpg", reason="truncated")
    with pytest.raises(DataError) as caught:
        images.report(row=5, path="photos/5.jpg", reason="empty")
    assert str(caught.value) == (
        "3 of the 1,000 images of photos cannot be read, and max_unreadable = 0.002 allows 2; "
        "the first is photos/9.jpg (truncated)"
    )
