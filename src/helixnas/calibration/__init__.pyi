from .config import CALIBRATED as CALIBRATED, CalibrationConfig as CalibrationConfig
from .draw import informative_networks as informative_networks, most_informative as most_informative
