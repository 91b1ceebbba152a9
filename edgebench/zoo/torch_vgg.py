"""VGG11 with batch norm in PyTorch, as Ulloa 2019 used it: two numbers, valence and arousal.

PyTorch is an optional extra: this module needs it, and is imported by name only where a net of PyTorch is asked for.
Parameters are named as torchvision names them, so that state dicts saved from its nets fit.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

FILTERS = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Of the 3x3 convolutions, in groups that a pooling ends: column A of Simonyan and Zisserman 2015."""
POOLED_SIZE = 7
DENSE_UNITS = 4096


def vgg11_bn(*, outputs: int = 2) -> nn.Sequential:
    """Simonyan and Zisserman 2015 (arXiv 1409.1556), configuration A with batch norm; initial weights are PyTorch's.

    Takes float32 [batch, 3, height, width] of at least 32 pixels a side, 224 in the study, and answers
    [batch, outputs] without an activation.
    """
    return nn.Sequential(
        OrderedDict(
            features=_features(),
            avgpool=nn.AdaptiveAvgPool2d(POOLED_SIZE),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(
                nn.Linear(FILTERS[-1][-1] * POOLED_SIZE**2, DENSE_UNITS),
                nn.ReLU(inplace=True),
                nn.Dropout(0.5),
                nn.Linear(DENSE_UNITS, DENSE_UNITS),
                nn.ReLU(inplace=True),
                nn.Dropout(0.5),
                nn.Linear(DENSE_UNITS, outputs),
            ),
        )
    )


def _features() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for group in FILTERS:
        for filters in group:
            convolution = nn.Conv2d(channels, filters, kernel_size=3, padding=1)
            layers += [convolution, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)
