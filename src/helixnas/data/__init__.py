"""Data: images and labels from where the user has them, divided, shown and batched reproducibly."""

from helixnas.data.config import AUGMENTATIONS, DataConfig
from helixnas.data.images import Batch, ImageSet
from helixnas.data.splits import DataSplits, TrainingImages, open_data, open_images, open_training_images

__all__ = [
    "AUGMENTATIONS",
    "Batch",
    "DataConfig",
    "DataSplits",
    "ImageSet",
    "TrainingImages",
    "open_data",
    "open_images",
    "open_training_images",
]
