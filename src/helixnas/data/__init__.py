"""Data: opening, splitting, augmenting and batching images and labels, reproducibly."""

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
