"""Models for other programs: ONNX files, pt2 files, folders for timm and the Hugging Face hub."""

from helixnas.export.model_card import CardFacts, model_card
from helixnas.export.onnx_file import OnnxCall, export_onnx
from helixnas.export.parity import Parity, compare, require_parity
from helixnas.export.pt2_file import export_pt2
from helixnas.export.timm_folder import export_timm

__all__ = [
    "CardFacts",
    "OnnxCall",
    "Parity",
    "compare",
    "export_onnx",
    "export_pt2",
    "export_timm",
    "model_card",
    "require_parity",
]
