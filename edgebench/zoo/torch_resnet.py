"""ResNet152 in PyTorch, as Ulloa 2019 used it: two numbers, valence and arousal.

PyTorch is an optional extra: this module needs it, and is imported by name only where a net of PyTorch is asked for.
Parameters are named as torchvision names them, so that state dicts saved from its nets fit.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

STAGES = ((64, 3), (128, 8), (256, 36), (512, 3))
"""(width, blocks) of the four stages: the column of 152 layers in table 1 of He et al. 2016."""
EXPANSION = 4
"""Channels that leave a block over those inside it."""


def resnet152(*, outputs: int = 2) -> nn.Sequential:
    """He et al. 2016 (arXiv 1512.03385); initial weights are PyTorch's.

    A stage halves the image in the 3x3 convolution of its first block, not in the 1x1 before it: the paper's nets
    were published otherwise, those in PyTorch so.

    Takes float32 [batch, 3, height, width] of at least 32 pixels a side, 224 in the study, and answers
    [batch, outputs] without an activation.
    """
    channels = 64
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False),
        bn1=nn.BatchNorm2d(channels),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )
    for number, (width, blocks) in enumerate(STAGES, start=1):
        first = Bottleneck(channels, width, stride=1 if number == 1 else 2)
        channels = width * EXPANSION
        layers[f"layer{number}"] = nn.Sequential(first, *(Bottleneck(channels, width) for _ in range(blocks - 1)))
    layers |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(channels, outputs)}
    return nn.Sequential(layers)


class Bottleneck(nn.Module):  # type: ignore[misc]  # any class, where PyTorch is not installed
    """1x1, 3x3 and 1x1 convolutions, added to their input; where shapes differ, to a projection of it."""

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        wide = width * EXPANSION
        self.conv1 = nn.Conv2d(channels, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, wide, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels != wide:
            projection = nn.Conv2d(channels, wide, kernel_size=1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(wide))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        answer: Tensor = self.relu(self.bn3(self.conv3(inner)) + self.downsample(x))
        return answer
