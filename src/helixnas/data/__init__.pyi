from .config import AUGMENTATIONS as AUGMENTATIONS, DataConfig as DataConfig, TwoViewConfig as TwoViewConfig
from .images import Batch as Batch, ImageSet as ImageSet
from .splits import (
    DataSplits as DataSplits,
    TrainingImages as TrainingImages,
    open_data as open_data,
    open_images as open_images,
    open_training_images as open_training_images,
)
