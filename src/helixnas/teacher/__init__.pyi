from .boundaries import (
    Candidate as Candidate,
    cut_candidates as cut_candidates,
    default_boundaries as default_boundaries,
)
from .build import (
    build_teacher as build_teacher,
    count_teacher as count_teacher,
    input_size_of as input_size_of,
    load_teacher as load_teacher,
    load_units as load_units,
    normalization_of as normalization_of,
    save_teacher as save_teacher,
    save_units as save_units,
    sketch_teacher as sketch_teacher,
    trained_weights as trained_weights,
)
from .config import TeacherConfig as TeacherConfig
from .layout import Layout as Layout
from .standardization import Standardization as Standardization, measure_units as measure_units
from .teacher import Teacher as Teacher
