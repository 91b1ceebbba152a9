"""Labelled images in: layouts on disk become an index, an index becomes one cached uint8 tensor.

`open_index` finds the layout of a folder, `load_samples` decodes what a model's contract asks for, and
`calibration_samples` draws the images that set int8 ranges, never one of the evaluation set.
"""

from edgebench.data.calibration import calibration_samples, split_disjoint
from edgebench.data.index import EXPRESSIONS, SPLITS, VALENCE_AROUSAL, Index, Loader, Split
from edgebench.data.layouts import LOADERS, find_loader, find_splits, open_index
from edgebench.data.samples import Samples, load_samples

__all__ = [
    "EXPRESSIONS",
    "LOADERS",
    "SPLITS",
    "VALENCE_AROUSAL",
    "Index",
    "Loader",
    "Samples",
    "Split",
    "calibration_samples",
    "find_loader",
    "find_splits",
    "load_samples",
    "open_index",
    "split_disjoint",
]
