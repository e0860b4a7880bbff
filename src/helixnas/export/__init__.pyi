from .model_card import CardFacts as CardFacts, model_card as model_card
from .onnx_file import OnnxCall as OnnxCall, export_onnx as export_onnx
from .parity import Parity as Parity, compare as compare, require_parity as require_parity
from .pt2_file import export_pt2 as export_pt2
from .timm_folder import export_timm as export_timm
