"""Building the network of a task around a model, and describing the model so that it can be built again from a file."""

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import nn

from helixnas.errors import ArtifactError, ConfigError
from helixnas.space import Architecture
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.record import TransferRecord
from helixnas.zoo import HELIXNAS, HelixNet, create_model


def describe(model: nn.Module, name: str) -> dict[str, Any]:
    """Return plain values from which `rebuild` makes the same layers.

    Raises `ConfigError` if timm does not build the model's layers by its name alone.
    """
    if isinstance(model, HelixNet):
        return {"model": HELIXNAS, "architecture": model.architecture.to_dict()}
    given = getattr(model, "pretrained_cfg", None) or {}
    known = str(given.get("architecture") or "")
    if timm.is_model(known) and _shapes(rebuild({"model": known}, meta=True)) == _shapes(model):
        return {"model": known}
    why = (
        f"timm builds other layers by the name {known!r}" if timm.is_model(known) else "it has no name that timm knows"
    )
    raise ConfigError(
        f"{name} cannot be transferred: a saved segmenter or detector is built again by the name of its backbone, and {why}"
    )


def rebuild(described: Mapping[str, Any], *, meta: bool = False) -> nn.Module:
    """Build the model of a description, without weights; on the meta device if asked for."""
    arguments: dict[str, Any] = {}
    if "architecture" in described:
        arguments["arch"] = Architecture.from_dict(described["architecture"])
    name = str(described["model"])
    with torch.device("meta" if meta else "cpu"):
        return create_model(name, arguments, title=f"the backbone {name!r}", error=ArtifactError)


def build_network(
    model: nn.Module,
    config: TransferConfig,
    *,
    class_names: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    seed: int,
    name: str,
    trained: bool,
) -> nn.Module:
    """Build the segmenter or detector around a model, which is changed in place."""
    if config.task == "segmentation":
        from helixnas.transfer.networks.segmenter import build_segmenter

        return build_segmenter(
            model,
            head=config.head,
            num_classes=len(class_names),
            image_size=config.image_size,
            output_stride=config.output_stride,
            separable=config.separable,
            seed=seed,
            name=name,
        )
    from helixnas.transfer.networks.detector import build_detector

    detector = config.detector
    return build_detector(
        model,
        num_classes=len(class_names) + 1,
        image_size=config.image_size,
        max_size=max(detector.max_size, config.image_size),
        mean=mean,
        std=std,
        seed=seed,
        name=name,
        freeze=detector.freeze and trained,
        anchor_sizes=detector.anchor_sizes,
        numbers={
            "rpn_pre_nms_top_n_train": 6 * detector.num_proposals,
            "rpn_post_nms_top_n_train": detector.num_proposals,
            "rpn_pre_nms_top_n_test": 6 * detector.num_test_proposals,
            "rpn_post_nms_top_n_test": detector.num_test_proposals,
            "box_batch_size_per_image": detector.num_regions,
        },
    )


def network_of(model: nn.Module, record: TransferRecord, config: TransferConfig) -> nn.Module:
    """Build the network of a record around a model, which is changed in place."""
    return build_network(
        model,
        config,
        class_names=record.class_names,
        mean=record.mean,
        std=record.std,
        seed=record.seed,
        name=record.model,
        trained=record.trained,
    )


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors but the classifier's, which depends on the number of classes."""
    classifier = getattr(model, "get_classifier", lambda: None)()
    left_out = {id(tensor) for tensor in classifier.parameters()} if isinstance(classifier, nn.Module) else set[int]()
    return {name: tuple(tensor.shape) for name, tensor in model.named_parameters() if id(tensor) not in left_out}
