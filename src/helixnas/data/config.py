"""DataConfig: where the images come from, how they are split and how they are shown.

The sources are those of `timm.data.create_dataset`, under timm's names, and scikit-learn's handwritten digits, which need
no download. The settings are plain values, so a recipe can be checked without opening an image.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.settings import Ge, Gt, Le, Lt, OneOf, Unit, settings

VARIED_ALONE = ("imagenet", "auto-augment", "rand-augment", "rand-augment-strong")
"""Augmentations of ImageNet training, which vary one image at a time."""

AUGMENTATIONS = ("none", "shift", "flip-crop", *VARIED_ALONE)
"""How training images are varied; see `DataConfig.augmentation`."""

INCONSEQUENTIAL = frozenset({"num_workers", "cache", "download"})
"""Settings of the data that do not change an image."""

TWO_VIEW = "two-view"
"""Augmentation for learning from two views of an image, whose strengths are settings (`TwoViewConfig`)."""

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

PARQUET = "parquet"
"""Name of images in Parquet files."""

GIVEN_PREFIX = "python/"
"""Prefix of images that a program gives (`helixnas.data.given`)."""


@settings("data.two_view")
class TwoViewConfig:
    """Two differently varied views of an image: crop, flip, colours, greyscale, blur and solarisation, as in VICReg and BYOL.

    Shares with two values are those of the first and the second view.
    """

    min_area: Annotated[float, Gt(0), Le(1)] = 0.08
    """Least share of an image that the random crop keeps; small images or few pixels call for more."""

    flip: Annotated[float, Ge(0), Le(1)] = 0.5
    """Share of the views mirrored from left to right."""

    jitter: Annotated[float, Ge(0), Le(1)] = 0.8
    """Share of the views whose colours change."""

    brightness: Annotated[float, Ge(0)] = 0.4
    """Largest relative change of brightness."""

    contrast: Annotated[float, Ge(0)] = 0.4
    """Largest relative change of contrast."""

    saturation: Annotated[float, Ge(0)] = 0.2
    """Largest relative change of saturation."""

    hue: Annotated[float, Ge(0), Le(0.5)] = 0.1
    """Largest turn of the hue, in full turns."""

    grey: Annotated[float, Ge(0), Le(1)] = 0.2
    """Share of the views without colour."""

    blur: tuple[Annotated[float, Ge(0), Le(1)], ...] = (1.0, 0.1)
    """Share of the views blurred by a Gaussian of .1 to 2 pixels at 224 pixels, proportionally less on smaller images."""

    solarize: tuple[Annotated[float, Ge(0), Le(1)], ...] = (0.0, 0.2)
    """Share of the views whose bright pixels are inverted."""

    def __post_init__(self) -> None:
        for name, shares in {"blur": self.blur, "solarize": self.solarize}.items():
            if len(shares) != 2:
                raise ConfigError(
                    f"data.two_view.{name} needs a share for each of the two views, for example [1.0, 0.1], not {list(shares)}"
                )


@settings("data")
class DataConfig:
    """The images of a run: source, splits, size, augmentation and loading.

    Raises:
        ConfigError: a value is out of range or contradicts another.
        UnknownNameError: no data set, augmentation or interpolation has that name.
    """

    name: str = ""
    """Data set: digits, or a name of `timm.data.create_dataset`: empty for a folder or tar of images, torch/cifar10,
    hfds/... (needs the package datasets), wds/... (needs the package webdataset), or parquet for a folder of Parquet files
    with encoded images, as Hugging Face data sets are stored. Classes of shards are numbers or names in .cls files, or in a
    field of .json files or a column: cls, label, class, class_name, label_name or target."""

    root: str = ""
    """Folder or uncompressed tar of the images; a relative path is looked up in the current folder, then in
    $HELIXNAS_DATA."""

    split: str = "train"
    """Split used for training and rating; of a folder, the sub-folder or tar of that name if there is one; of Parquet files,
    those with that word in their path, or a pattern (data/part-*.parquet), or all if empty."""

    evaluation_root: str = ""
    """Folder or tar of the images for the final accuracy only; empty to look for evaluation_split in root."""

    evaluation_split: str = "validation"
    """Split used for the final accuracy only. If there is no such split (digits, a tar, a folder without that sub-folder),
    or if this is empty, evaluation_share of the labelled images is held out instead."""

    evaluation_share: Annotated[float, Gt(0), Lt(1)] = 0.2
    """Fraction of the images held out for the final accuracy if there is no split for it; seeded, stratified by class."""

    num_rating: Annotated[int, Ge(1), Unit("images")] = 256
    """Training images held out for rating; seeded, stratified by class if there are labels."""

    train_share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Fraction of the training images to use after the rating images are held out; seeded, stratified by class. Rating and
    evaluation images do not depend on it."""

    labels: bool = True
    """Whether to read labels; distillation, rating and search need none. Classes are the folders that hold the
    images, named by their path in the root, in natural order ("2" before "10")."""

    exif_orientation: bool = True
    """Whether photographs are turned as their EXIF data say; false for the pixels as stored."""

    image_size: Annotated[int, Ge(0), Le(4096), Unit("pixels")] = 0
    """Image height and width; 0 for the teacher's input size."""

    augmentation: Annotated[str, OneOf((*AUGMENTATIONS, TWO_VIEW))] = "flip-crop"
    """none; shift: random crop after padding by an eighth (digits); flip-crop: shift and horizontal flip (CIFAR); imagenet:
    random resized crop, flip, colour jitter .4, random erasing .5; auto-augment: random resized crop, flip, EfficientNet's
    policy; rand-augment: random resized crop, flip, RandAugment of magnitude 9, random erasing .25 (DeiT);
    rand-augment-strong: rand-augment and colour jitter .4 (EfficientNetV2); two-view: for distill.objective=self-supervised,
    see data.two_view."""

    two_view: TwoViewConfig = field(default_factory=TwoViewConfig)
    """With augmentation=two-view: how strongly the two views differ."""

    crop_ratio: Annotated[float, Gt(0), Le(1)] = 0.875
    """Fraction of the short side that the centre crop keeps of images larger than image_size (timm's crop_pct); smaller
    images are shown whole."""

    interpolation: Annotated[str, OneOf(INTERPOLATIONS)] = "bicubic"
    """Resizing filter, unless the augmentation draws one at random."""

    num_workers: Annotated[int, Ge(0), Le(256), Unit("processes")] = 0
    """Processes that decode images which are not cached; 0 to decode in the main process. Does not change the images. For a
    GPU, give at least 1 with an augmentation of single images (imagenet to two-view): 0 does not read them ahead."""

    cache: bool | Literal["auto"] = "auto"
    """Decode all images once and keep them in memory, which needs images of one size; auto: only if that size is at most 96
    pixels and the total at most 1 GiB."""

    shuffle: Literal["auto", "images", "blocks"] = "auto"
    """Order of an epoch: any (images), or one that reads shards in blocks of 16 MiB (wds/...) or row groups (parquet), each
    once per epoch (blocks); auto: blocks for parquet, whose images cannot be read alone, else images."""

    shuffle_memory: Annotated[float, Gt(0), Unit("GiB")] = 2.0
    """With shuffle=blocks: encoded images that each training process holds, and so the blocks that its batches mix."""

    max_unreadable: Annotated[float, Ge(0), Lt(1)] = 0.01
    """Largest fraction of the images that may be unreadable; each is logged and replaced by the next.
    A class of which none can be read is an error."""

    download: bool = False
    """Let torchvision download a missing torch/... data set into root."""

    def __post_init__(self) -> None:
        is_open = any(self.name.startswith(prefix) and self.name != prefix for prefix in (*OPEN_PREFIXES, GIVEN_PREFIX))
        if not is_open and self.name not in ("", "digits", PARQUET, *TORCH_NAMES):
            raise UnknownNameError("data set", self.name, ("digits", PARQUET, *TORCH_NAMES, "hfds/NAME", "wds/NAME"))
        if self.name == "digits" and (self.root or self.evaluation_root):
            raise ConfigError(
                f"the digits are part of scikit-learn and have no root; remove {self.root or self.evaluation_root!r}"
            )
        if self.evaluation_root and not self.labels:
            raise ConfigError(
                f"data.evaluation_root is {self.evaluation_root!r}, but labels is false and an accuracy needs labels"
            )


def consequential(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of images, as plain values, on which results depend.

    >>> from dataclasses import asdict
    >>> sorted({"num_workers", "split"} & consequential(asdict(DataConfig(root="photos"))).keys())
    ['split']
    """
    unused = INCONSEQUENTIAL if data["augmentation"] == TWO_VIEW else {*INCONSEQUENTIAL, "two_view"}
    is_blockwise = data["shuffle"] == "blocks" or (data["shuffle"] == "auto" and data["name"] == PARQUET)
    if not is_blockwise:
        unused = {*unused, "shuffle", "shuffle_memory"}
    return {name: value for name, value in data.items() if name not in unused}
