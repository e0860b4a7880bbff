"""What a training would take, without data and without training: steps, sizes and memory, beside the paper's figure."""

from pathlib import Path
from typing import Any

from helixnas.engine.fit import require_optimizer
from helixnas.errors import ConfigError, number_of
from helixnas.models.opening import OpenedModel
from helixnas.models.training_plan import TrainingPlan, memory_of
from helixnas.nn import count_macs, count_params, meta_copy, saved_bytes
from helixnas.transfer.building import build_network, describe
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.networks.detector import REGION_SIDE
from helixnas.transfer.networks.segmenter import Segmenter
from helixnas.transfer.scenes.reading import open_scenes


def plan_transfer(opened: OpenedModel, root: Path | None, config: TransferConfig) -> TrainingPlan:
    """Return what the training would take; without `root`, for the published data set that the recipe names.

    The model is changed in place. Raises `ConfigError` if the recipe names no data set, or the model does not fit the task.
    """
    require_optimizer(config.fit.optimizer)
    describe(opened.model, opened.name)
    if root is None and not (config.num_images and config.num_classes):
        raise ConfigError("the recipe names no published data set (num_images, num_classes); give --data")
    scenes = None if root is None else open_scenes(root, task=config.task, split=config.split)
    number = config.num_images if scenes is None else len(scenes)
    names = tuple(map(str, range(config.num_classes))) if scenes is None else scenes.class_names
    if number < config.fit.batch_size:
        raise ConfigError(
            f"fit.batch_size is {config.fit.batch_size}, but there are only {number_of(number, 'image')} to train on"
        )
    shown: dict[str, Any] = {"mean": tuple(opened.shown["mean"]), "std": tuple(opened.shown["std"])}
    about: dict[str, Any] = {"name": opened.name, "seed": 0, "trained": opened.trained}
    network = build_network(opened.model, config, class_names=names, **shown, **about)
    per_epoch = number // config.fit.batch_size
    macs, saved = _of_segmenter(network, config) if isinstance(network, Segmenter) else _of_detector(network, config)
    params = count_params(network)
    trained = sum(each.numel() for each in network.parameters() if each.requires_grad)
    return TrainingPlan(
        images=f"{number:,} of {'the published data set' if scenes is None else scenes.title}",
        num_classes=len(names),
        steps_per_epoch=per_epoch,
        steps=per_epoch * config.fit.num_epochs,
        params=params,
        trained_params=trained,
        macs=macs,
        memory=memory_of(params, trained, config.fit, saved),
        paper=config.paper,
    )


def _of_segmenter(segmenter: Segmenter, config: TransferConfig) -> tuple[int, int]:
    """Return multiply-adds and the bytes of activations of an image."""
    twin, shape = meta_copy(segmenter), (1, 3, config.image_size, config.image_size)
    return count_macs(twin, shape), saved_bytes(twin, (2, *shape[1:])) // 2


def _of_detector(detector: Any, config: TransferConfig) -> tuple[int, int]:
    """Return multiply-adds of a square image and the bytes of activations of the longest one.

    Both are those of the features, the regions, and the box head; an image is `max_size` pixels long at most.
    """
    body, head = meta_copy(detector.backbone), meta_copy(detector.roi_heads.box_head)
    shape = (1, 3, config.image_size, config.image_size)
    regions = (1, detector.backbone.out_channels, REGION_SIDE, REGION_SIDE)
    own, numbers = count_macs(body, shape), config.detector
    macs = own + numbers.num_test_proposals * count_macs(head, regions)
    longest = (2, 3, config.image_size, max(numbers.max_size, config.image_size))
    saved = saved_bytes(body, longest) // 2 + numbers.num_regions * saved_bytes(head, (2, *regions[1:])) // 2
    return macs, saved
