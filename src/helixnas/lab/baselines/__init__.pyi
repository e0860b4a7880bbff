from .config import METHODS as METHODS, UNTRAINED as UNTRAINED, BaselineConfig as BaselineConfig, Method as Method
from .curve import BaselineRecord as BaselineRecord, SharedWeights as SharedWeights, moments_of as moments_of
from .methods import shared_weights as shared_weights
from .one_shot import OneShot as OneShot
from .short import ShortTrainings as ShortTrainings
from .untrained import Untrained as Untrained
