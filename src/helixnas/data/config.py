"""Where the images come from, how they are divided and how they are shown: the settings of the data.

The sources are those of `timm.data.create_dataset`, named as timm names them, and scikit-learn's handwritten digits,
which need no download. The settings are plain values, so a recipe can be checked without touching a single image.
"""

from dataclasses import dataclass
from typing import Literal

from helixnas.errors import ConfigError, UnknownNameError

VARIED_ALONE = ("imagenet", "auto-augment", "rand-augment", "rand-augment-strong")
"""Augmentations of ImageNet training, which vary one image at a time."""

AUGMENTATIONS = ("none", "shift", "flip-crop", *VARIED_ALONE)
"""How training images are varied; see `DataConfig.augmentation`."""

INTERPOLATIONS = ("bilinear", "bicubic")
"""How images are resized."""

TORCH_NAMES = tuple(
    f"torch/{name}"
    for name in (
        "cifar10",
        "cifar100",
        "fashion_mnist",
        "image_folder",
        "imagenet",
        "inaturalist",
        "kmnist",
        "mnist",
        "places365",
        "qmnist",
    )
)
"""The torchvision data sets that timm opens by name."""

OPEN_PREFIXES = ("hfds/", "wds/")
"""Prefixes that any name may follow: Hugging Face data sets and WebDataset shards."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The images of a run: source, splits, size, augmentation and loading.

    Raises:
        ConfigError: a value is out of range or contradicts another.
        UnknownNameError: no data set, augmentation or interpolation has that name.

    Example:
        >>> DataConfig(name="digits", num_rating=200, augmentation="shift").evaluation_share
        0.2
    """

    name: str = ""
    """"digits", or a name of `timm.data.create_dataset`: "" for a folder or tar of images, "torch/cifar10", "hfds/..."
    (needs the package datasets), "wds/..." (needs the package webdataset)."""

    root: str = ""
    """Folder or uncompressed tar of the images; a relative one is looked for in the current folder, then in
    $HELIXNAS_DATA."""

    split: str = "train"
    """Split of the source used for training and rating; of a folder, the sub-folder or the tar of that name if there is
    one."""

    evaluation_root: str = ""
    """Folder or tar of the images of the final accuracy, which nothing else sees; "" looks for `evaluation_split` in
    `root`."""

    evaluation_split: str = "validation"
    """Split of the source used for the final accuracy only; where the source has no such split (digits, a tar, a folder
    without that sub-folder), or where this is "", `evaluation_share` of the labelled images is set aside."""

    evaluation_share: float = 0.2
    """Share of the images set aside, seeded and by class, for the final accuracy where the source has no split for it;
    above 0, below 1."""

    num_rating: int = 256
    """Training images held out for rating, seeded, by class where there are labels; at least 1."""

    train_share: float = 1.0
    """Share of the training images that are used once the rating images are held out, seeded and by class; above 0, at
    most 1. Rating and evaluation images do not depend on it."""

    labels: bool = True
    """Whether labels are read; distillation, rating and search need none. Classes are the names of the folders that
    hold the images, in natural order ("2" before "10")."""

    image_size: int = 0
    """Height and width in pixels at which images are shown; 0 for the teacher's."""

    augmentation: str = "flip-crop"
    """"none"; "shift": random crop after padding by an eighth (digits); "flip-crop": the same and horizontal flip
    (CIFAR); "imagenet": random resized crop, flip, colour jitter .4, random erasing .5; "auto-augment": random resized
    crop, flip, the policy of EfficientNet; "rand-augment": the same with RandAugment of magnitude 9 and random erasing
    .25 (DeiT); "rand-augment-strong": the same and colour jitter .4 (EfficientNetV2)."""

    crop_ratio: float = 0.875
    """Share of the short side kept by the centre crop of images larger than `image_size` (timm's crop_pct); smaller
    images are shown whole. Above 0, at most 1."""

    interpolation: str = "bicubic"
    """How images are resized where no augmentation chooses at random: "bilinear" or "bicubic"."""

    num_workers: int = 0
    """Processes that decode images which are not cached; 0 decodes in this one. The images do not depend on it."""

    cache: bool | Literal["auto"] = "auto"
    """Whether all images are decoded once and kept in memory, which needs all of one size; "auto": if that size is at
    most 96 pixels and the whole at most 1 GiB."""

    max_unreadable: float = 0.01
    """Share of the images that may be unreadable; each is logged and replaced by the next. At least 0, below 1."""

    download: bool = False
    """Whether torchvision may download a missing "torch/..." data set into `root`."""

    def __post_init__(self) -> None:
        """Check names, ranges and contradictions."""
        is_open = any(self.name.startswith(prefix) and self.name != prefix for prefix in OPEN_PREFIXES)
        if not is_open and self.name not in ("", "digits", *TORCH_NAMES):
            raise UnknownNameError("data set", self.name, ("digits", *TORCH_NAMES, "hfds/NAME", "wds/NAME"))
        if self.augmentation not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", self.augmentation, AUGMENTATIONS)
        if self.interpolation not in INTERPOLATIONS:
            raise UnknownNameError("interpolation", self.interpolation, INTERPOLATIONS)
        for field, right, limits in (
            ("evaluation_share", 0 < self.evaluation_share < 1, "above 0 and below 1"),
            ("train_share", 0 < self.train_share <= 1, "above 0 and at most 1"),
            ("num_rating", self.num_rating >= 1, "at least 1"),
            ("image_size", 0 <= self.image_size <= 4096, "0 (the teacher's) to 4096 pixels"),
            ("crop_ratio", 0 < self.crop_ratio <= 1, "above 0 and at most 1"),
            ("num_workers", 0 <= self.num_workers <= 256, "0 to 256"),
            ("cache", self.cache in (True, False, "auto"), "true, false or auto"),
            ("max_unreadable", 0 <= self.max_unreadable < 1, "at least 0 and below 1"),
        ):
            if not right:
                raise ConfigError(f"data.{field} must be {limits}, not {getattr(self, field)!r}")
        if self.name == "digits" and (self.root or self.evaluation_root):
            raise ConfigError(
                f"the digits are part of scikit-learn and have no root; remove {self.root or self.evaluation_root!r}"
            )
        if self.evaluation_root and not self.labels:
            raise ConfigError(
                f"data.evaluation_root is {self.evaluation_root!r}, but labels is false and an accuracy needs labels"
            )
