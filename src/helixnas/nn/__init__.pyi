from .bridge import Bridge as Bridge, at_common_grid as at_common_grid, pooled_to as pooled_to
from .classifier import (
    build_head as build_head,
    classifier_of as classifier_of,
    head_builder as head_builder,
    head_features as head_features,
    register_head as register_head,
)
from .counting import (
    count_macs as count_macs,
    count_params as count_params,
    meta_copy as meta_copy,
    saved_by as saved_by,
    saved_bytes as saved_bytes,
)
from .dilation import dilate as dilate
from .entrance import Entrance as Entrance, entrance_of as entrance_of, fold_into as fold_into
from .initialization import (
    build_seeded as build_seeded,
    initialize as initialize,
    seed_from as seed_from,
    silence_residual as silence_residual,
    without_values as without_values,
)
from .liveness import Counts as Counts, count_all as count_all
from .normalization import Normalization as Normalization
from .operations import (
    BATCH_STATISTICS as BATCH_STATISTICS,
    NormLayer as NormLayer,
    Place as Place,
    build_operation as build_operation,
    build_stage as build_stage,
    build_stages as build_stages,
    operation_builder as operation_builder,
    register_operation as register_operation,
)
from .projection import BlockHeads as BlockHeads, ProjectionHead as ProjectionHead
from .weights_file import (
    apart as apart,
    load_saved_weights as load_saved_weights,
    not_finite as not_finite,
    save_weights as save_weights,
)
