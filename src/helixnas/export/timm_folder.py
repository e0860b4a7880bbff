"""Model folders for ``timm.create_model("local-dir:...")`` and the Hugging Face hub."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from timm.models import save_for_hf
from torch import Tensor, nn

from helixnas.artifacts.files import write_folder, write_text
from helixnas.errors import ExportError
from helixnas.export.parity import Logits, Parity, logits_of, reference, write_checked
from helixnas.nn import apart
from helixnas.space import Architecture
from helixnas.zoo import HELIXNAS, create_model


def export_timm(
    model: nn.Module,
    folder: Path,
    images: Float[Tensor, "batch channels height width"],
    *,
    card: str,
    shown: Mapping[str, Any],
    class_names: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Parity:
    """Write config, weights and model card, each whole or not at all, and compare the model loaded from them.

    Args:
        model: a timm model.
        folder: where to write; other files in it are kept.
        images: normalised, to compare on.
        card: the model card, as Markdown.
        shown: preprocessing (crop_pct, interpolation, ...); replaces entries of the model's own pretrained_cfg.
        class_names: names of the classes by index.
        files: further text files, by name.

    Raises:
        ExportError: the loaded model does not give exactly the same logits.
        ArtifactError: the folder cannot be written.
    """
    if folder.is_file():
        raise ExportError(f"{folder} is a file; the format timm needs a folder")
    twin: Any = reference(model)
    twin.register_state_dict_post_hook(lambda _, state, *rest: state.update(apart(state)))  # safetensors holds no ties
    settings: dict[str, Any] = {"pretrained_cfg": dict(shown)}
    if class_names:
        settings["label_names"] = list(class_names)
    architecture = getattr(model, "architecture", None)
    is_ours = twin.pretrained_cfg.get("architecture") == HELIXNAS
    arguments = {"arch": architecture.to_dict()} if is_ours and architecture is not None else None

    def write(temporary: Path) -> Logits:
        save_for_hf(twin, str(temporary), model_config=settings, model_args=arguments, safe_serialization=True)
        for name, text in {"README.md": card, **(files or {})}.items():
            write_text(temporary / name, text)
        name, title = f"local-dir:{temporary}", "the exported model"
        loaded = create_model(name, {"pretrained": True}, title=title, error=ExportError)
        assert not isinstance(architecture, Architecture) or loaded.architecture == architecture
        return logits_of(loaded.eval())

    return write_checked(folder, write, twin, images, tolerance=0.0, writer=write_folder)
