"""TransferConfig: how a finished model becomes a segmenter or a detector."""

from dataclasses import field
from typing import Annotated, Literal

from helixnas.engine.config import FitConfig
from helixnas.errors import ConfigError
from helixnas.settings import Ge, Gt, Le, Lt, OneOf, Unit, settings

HEADS = ("deeplabv3plus", "aspp", "upernet")
"""Heads of segmenters."""


@settings("detector")
class DetectorConfig:
    """Numbers of the C4 detector; the defaults are those of the paper's setting."""

    max_size: Annotated[int, Ge(32), Unit("pixels")] = 1333
    """Largest longer side of an image."""

    num_proposals: Annotated[int, Ge(1), Unit("regions")] = 2000
    """Proposals kept for an image in training, of six times as many."""

    num_test_proposals: Annotated[int, Ge(1), Unit("regions")] = 1000
    """Proposals kept for an image in evaluation, of six times as many."""

    num_regions: Annotated[int, Ge(1), Unit("regions")] = 512
    """Regions of an image that the box head learns from."""

    anchor_sizes: tuple[Annotated[int, Ge(1)], ...] = (32, 64, 128, 256, 512)
    """Sides of the anchors in pixels; each has the ratios .5, 1 and 2."""

    freeze: bool = True
    """Freeze batch norm, the stem and the first stage; without effect on an untrained model."""


@settings("")
class TransferConfig:
    """How a finished model becomes a segmenter or a detector, and is trained."""

    task: Literal["segmentation", "detection"] = "segmentation"
    """What the network learns: a class per pixel, or boxes with classes."""

    image_size: Annotated[int, Ge(32), Le(4096), Unit("pixels")] = 512
    """Segmentation: side of the square crops; detection: shorter side of the images."""

    short_side: Annotated[int, Ge(0), Le(4096), Unit("pixels")] = 0
    """Segmentation: shorter side of the images before they are cropped, and in evaluation; 0 for the stored size."""

    scales: tuple[Annotated[float, Gt(0)], ...] = (0.5, 2.0)
    """Segmentation: smallest and largest random scale of a training image."""

    flip: bool = True
    """Mirror half of the training images."""

    color_jitter: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Largest relative change of brightness, contrast and saturation in training."""

    head: Annotated[str, OneOf(HEADS)] = "deeplabv3plus"
    """Segmentation: DeepLabV3+ (deeplabv3plus), atrous pyramid pooling without decoder (aspp), or UPerNet (upernet)."""

    output_stride: Literal[8, 16] = 16
    """Segmentation: stride of the last map, for the two atrous heads."""

    separable: bool = True
    """Segmentation: separable convolutions in the atrous pyramid, for the two atrous heads; false for full ones."""

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    """Detection: the detector."""

    fit: FitConfig = field(default_factory=FitConfig)
    """Training of the whole network."""

    split: str = "train"
    """Split to train on."""

    evaluation_split: str = "val"
    """Split for the final figures, never trained on."""

    num_workers: Annotated[int, Ge(0), Unit("processes")] = 0
    """Processes that read images; 0 to read them between two steps. Does not change the images."""

    num_images: Annotated[int, Ge(0), Unit("images")] = 0
    """Training images of the published data set, for a dry run without it; 0 if unknown."""

    num_classes: Annotated[int, Ge(0), Unit("classes")] = 0
    """Classes of the published data set, for a dry run without it; 0 if unknown."""

    paper: str = ""
    """What the paper reports for this setting."""

    def __post_init__(self) -> None:
        if len(self.scales) != 2 or self.scales[0] > self.scales[1]:
            raise ConfigError(
                f"scales must be the smallest and the largest scale, such as 0.5 and 2, not {self.scales}"
            )
        for name in ("mixup", "cutmix", "label_smoothing"):
            if getattr(self.fit, name) and (self.task == "detection" or name != "label_smoothing"):
                raise ConfigError(f"fit.{name} is for classifiers, not for {self.task}; set it to 0")
        if self.split == self.evaluation_split:
            raise ConfigError(f"split and evaluation_split are both {self.split!r}; figures need images not trained on")
