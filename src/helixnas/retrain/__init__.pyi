from .config import FinetuneConfig as FinetuneConfig, InheritConfig as InheritConfig, RetrainConfig as RetrainConfig
from .finetune import with_new_head as with_new_head
from .head import FrozenBody as FrozenBody
from .inherit import StitchedNetwork as StitchedNetwork, fold as fold, inherit as inherit, recalibrate as recalibrate
from .model import build_model as build_model, load_model as load_model, save_model as save_model
from .single_image import check_single_image as check_single_image, naming_single_value as naming_single_value
from .teaching import objective_of as objective_of
