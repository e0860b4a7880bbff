"""The teacher: a whole network whose features are collected at named modules."""

from helixnas.teacher.boundaries import Candidate, cut_candidates, default_boundaries
from helixnas.teacher.build import (
    build_teacher,
    count_teacher,
    input_size_of,
    load_feature_statistics,
    load_teacher,
    normalization_of,
    save_feature_statistics,
    save_teacher,
    sketch_teacher,
    trained_weights,
)
from helixnas.teacher.config import TeacherConfig
from helixnas.teacher.layout import Layout
from helixnas.teacher.standardization import Standardization, measure_feature_statistics
from helixnas.teacher.teacher import Teacher

__all__ = [
    "Candidate",
    "Layout",
    "Standardization",
    "Teacher",
    "TeacherConfig",
    "build_teacher",
    "count_teacher",
    "cut_candidates",
    "default_boundaries",
    "input_size_of",
    "load_feature_statistics",
    "load_teacher",
    "measure_feature_statistics",
    "normalization_of",
    "save_feature_statistics",
    "save_teacher",
    "sketch_teacher",
    "trained_weights",
]
