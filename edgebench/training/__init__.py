"""Training as the literature does it: seeded, checkpointed every epoch, continued exactly."""

from edgebench.training.history import Epoch, History
from edgebench.training.loop import Samples, check_request, train

__all__ = ["Epoch", "History", "Samples", "check_request", "train"]
