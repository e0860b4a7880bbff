"""Predictions as pictures: of scenes beside their truth, and of a folder of images."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from helixnas.artifacts.files import damaged, write_atomically
from helixnas.engine import Runtime
from helixnas.engine.batches import Normalize
from helixnas.engine.progress import Reporter
from helixnas.errors import DataError, OutOfMemoryError
from helixnas.nn import Normalization, load_saved_weights, not_finite
from helixnas.nn.extensions import import_modules
from helixnas.settings import build
from helixnas.transfer.building import network_of, rebuild
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.detection import detect
from helixnas.transfer.networks.segmenter import Segmenter
from helixnas.transfer.pictures import as_image, side_by_side, with_boxes, with_classes
from helixnas.transfer.record import TransferFolder
from helixnas.transfer.scenes.images import SceneImages, read_image, with_short_side
from helixnas.transfer.segmentation import predict_classes

NUM_PICTURES = 6
"""Evaluation images that are drawn, at equal distances."""

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def draw_scenes(model: nn.Module, images: SceneImages, normalize: Normalize, runtime: Runtime, folder: Path) -> None:
    """Write pictures of some scenes: image, truth and prediction in a row."""
    model.eval()
    number = min(NUM_PICTURES, len(images))
    rows = [index * len(images) // number for index in range(number)]
    for batch in images.batches(batch_size=1, rows=rows):
        image = batch.images[0]
        shown, names = as_image(image), images.scenes.class_names
        if batch.labels is not None:
            truth = with_classes(shown, batch.labels[0].numpy(), len(names))
            size = (int(batch.labels.shape[1]), int(batch.labels.shape[2]))
            found = predict_classes(model, normalize(batch.images), size, runtime)[0].cpu().numpy()
            drawn = side_by_side([shown.resize(truth.size), truth, with_classes(shown, found, len(names))])
        else:
            boxes = batch.boxes[0]
            truth = with_boxes(shown, boxes.corners[~boxes.crowd], boxes.labels[~boxes.crowd], names)
            drawn = side_by_side([shown, truth, _with_found(shown, image, model, names, runtime)])
        _write(drawn, folder / f"{images.scenes.scenes[batch.rows[0]].image.stem}.jpg")


def _with_found(
    shown: Image.Image, image: Tensor, model: nn.Module, names: tuple[str, ...], runtime: Runtime
) -> Image.Image:
    (found,) = detect(model, [image], runtime)
    return with_boxes(shown, found["boxes"].numpy(), found["labels"].numpy(), names, found["scores"].numpy())


def predict(folder: TransferFolder, images: Path, out: Path, *, runtime: Runtime, reporter: Reporter) -> int:
    """Draw the predictions of a transferred network on a folder of images, or on one; return the number of images.

    Raises:
        ArtifactError: the folder holds no finished transfer, or a file of it is damaged.
        DataError: there are no images, one cannot be read, two would be written to one file, or `out` is the images' own folder.
    """
    record = folder.load()
    config = build(TransferConfig, dict(record.settings), where=str(folder.record_file))
    paths, names = _images_in(images), record.class_names
    if out.resolve() in {path.parent.resolve() for path in paths}:
        raise DataError(
            f"{out} is the folder of the images, which pictures of the same name would replace; choose another --out"
        )
    network = load_network(folder)
    normalize = Normalization(record.mean, record.std)
    model = runtime.place(network).eval()
    with reporter.progress("predicting", len(paths)) as advance:
        for number, path in enumerate(paths, start=1):
            try:
                drawn = _drawn(
                    read_image(path).to(torch.float32) / 255, model, normalize, names, config.short_side, runtime
                )
            except OutOfMemoryError as error:
                raise OutOfMemoryError(
                    f"out of memory on {path}; make the image smaller, or use --device cpu"
                ) from error
            _write(drawn, out / f"{path.stem}.jpg")
            advance(number)
    return len(paths)


def _drawn(
    image: Tensor, model: nn.Module, normalize: Normalize, names: tuple[str, ...], short_side: int, runtime: Runtime
) -> Image.Image:
    """Return an image with the prediction of a segmenter or detector over it."""
    shown = as_image(image)
    if not isinstance(model, Segmenter):
        return _with_found(shown, image, model, names, runtime)
    size = (int(image.shape[1]), int(image.shape[2]))
    classes = (
        predict_classes(model, normalize(with_short_side(image, short_side)[None]), size, runtime)[0].cpu().numpy()
    )
    return with_classes(shown, classes, len(names))


def load_network(folder: TransferFolder) -> nn.Module:
    """Build the network of a folder with its weights; raises `ArtifactError` if a file is missing or damaged."""
    record = folder.load()
    config = build(TransferConfig, dict(record.settings), where=str(folder.record_file))
    import_modules(record.imports)
    network, weights = network_of(rebuild(record.backbone), record, config), load_saved_weights(folder.weights)
    if wrong := not_finite(weights, network.state_dict()):
        raise damaged(folder.weights, ValueError(wrong))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise damaged(folder.weights, error) from error
    return network


def _images_in(path: Path) -> list[Path]:
    """Return the images of a folder, or the one that is named, whose names differ in more than their ending."""
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in ENDINGS) if path.is_dir() else [path]
    if not path.exists():
        raise DataError(f"there is no image or folder {path}")
    if not found:
        raise DataError(f"there are no images in {path}; they end with {', '.join(ENDINGS)}")
    stems = [each.stem for each in found]
    if twice := next((each for each in stems if stems.count(each) > 1), ""):
        raise DataError(f"two images of {path} are named {twice}; rename one, their pictures would share a file")
    return found


def _write(picture: Image.Image, path: Path) -> None:
    write_atomically(path, lambda temporary: picture.save(temporary, format="JPEG", quality=90))
