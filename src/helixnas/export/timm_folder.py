"""A folder that ``timm.create_model("local-dir:...")`` and the Hugging Face hub accept, checked by loading it back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
from jaxtyping import Float
from timm.models import save_for_hf
from torch import Tensor, nn

from helixnas.artifacts.files import write_folder, write_text
from helixnas.errors import ExportError
from helixnas.export.parity import Parity, compare, logits_of, reference, require_parity
from helixnas.space import Architecture


def export_timm(
    model: nn.Module,
    folder: Path,
    images: Float[Tensor, "batch channels height width"],
    *,
    card: str,
    shown: Mapping[str, Any],
    class_names: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    batch_size: int = 16,
) -> Parity:
    """Write config, weights and model card, each whole or not at all, and return how far the loaded model differs: 0.

    Args:
        model: a timm model.
        folder: where to write; files of other names in it are left alone.
        images: normalised, to compare on.
        card: the model card, as Markdown.
        shown: how images are shown to the model, over what it says itself (crop_pct, interpolation).
        class_names: names of the classes by index.
        files: further files as text, by name.
        batch_size: images at a time in the comparison.

    Raises:
        ExportError: what was written does not give the same logits.
        ArtifactError: the folder cannot be written.
    """
    if folder.is_file():
        raise ExportError(f"{folder} is a file; a folder is written in the format timm")
    twin, found = reference(model), list[Parity]()
    settings: dict[str, Any] = {"pretrained_cfg": dict(shown)}
    if class_names:
        settings["label_names"] = list(class_names)
    architecture = getattr(model, "architecture", None)
    arguments = {"arch": architecture.to_dict()} if _is_helixnas(model) and architecture is not None else None

    def write(temporary: Path) -> None:
        save_for_hf(twin, str(temporary), model_config=settings, model_args=arguments, safe_serialization=True)
        for name, text in {"README.md": card, **(files or {})}.items():
            write_text(temporary / name, text)
        loaded: Any = timm.create_model(f"local-dir:{temporary}", pretrained=True).eval()
        assert not isinstance(architecture, Architecture) or loaded.architecture == architecture
        parity = compare(logits_of(twin), logits_of(loaded), images, batch_size=batch_size)
        found.append(require_parity(parity, 0.0))

    write_folder(folder, write)
    return found[0]


def _is_helixnas(model: Any) -> bool:
    return model.pretrained_cfg.get("architecture") == "helixnas"
