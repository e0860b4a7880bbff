from .build import (
    build_teacher as build_teacher,
    count_teacher as count_teacher,
    input_size_of as input_size_of,
    load_feature_statistics as load_feature_statistics,
    load_teacher as load_teacher,
    normalization_of as normalization_of,
    save_feature_statistics as save_feature_statistics,
    save_teacher as save_teacher,
    sketch_costs as sketch_costs,
    sketch_teacher as sketch_teacher,
    trained_weights as trained_weights,
)
from .config import TeacherConfig as TeacherConfig
from .cutting.candidates import Candidate as Candidate, cut_candidates as cut_candidates
from .cutting.choice import default_boundaries as default_boundaries, default_cut as default_cut
from .cutting.shares import Cut as Cut
from .layout import Layout as Layout
from .standardization import (
    Standardization as Standardization,
    measure_feature_statistics as measure_feature_statistics,
)
from .teacher import Teacher as Teacher
