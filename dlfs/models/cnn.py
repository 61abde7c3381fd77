# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolutional networks."""

from dataclasses import dataclass
from itertools import pairwise

from dlfs import nn
from dlfs.autograd import Tensor
from dlfs.nn import MaxPool2d

__all__ = [
    "CNNConfig",
    "LeNet",
    "LeNetConfig",
    "ResNet",
    "ResNetConfig",
    "Residual",
    "SmallCNN",
]


# book/22-pooling.md#lenet
@dataclass(frozen=True)
class LeNetConfig:
    """The sizes of a `LeNet`."""

    channels: tuple[int, int] = (6, 16)  # of the two convolutions
    units: tuple[int, int] = (120, 84)  # of the linear layers behind them
    classes: int = 10


class LeNet(nn.Module):
    """A network that reads digits, after LeNet-5 (LeCun et al., 1998).

    Two convolutions with windows of 5 x 5, each followed by ReLU and the
    largest of each 2 x 2, then three linear layers. The sizes are those of
    LeNet-5; max pooling and ReLU have come since.

    Args:
        config: the sizes; by default those of `LeNetConfig()`.
    """

    def __init__(self, config: LeNetConfig | None = None):
        config = config or LeNetConfig()
        few, many = config.channels
        self.features = nn.Sequential(
            *(nn.Conv2d(1, few, 5, padding=2), nn.ReLU(), MaxPool2d(2)),
            *(nn.Conv2d(few, many, 5), nn.ReLU(), MaxPool2d(2)),
        )
        widths = [many * 5 * 5, *config.units, config.classes]
        layers = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.classifier = nn.Sequential(*layers[:-1])

    def forward(self, input: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, 1, 28, 28)."""
        return self.classifier(self.features(input))


# book/28-a-network-that-sees.md#small-cnn-config
@dataclass(frozen=True)
class CNNConfig:
    """The sizes of a `SmallCNN`.

    Args:
        channels: of the two convolutions of each stage.
        hidden: units of the layer before the last.
        classes: how many kinds of photographs there are.
        dropout: probability of dropping a value before each linear layer.
        size: height and width of a photograph, in pixels.
    """

    channels: tuple[int, ...] = (32, 64)
    hidden: int = 256
    classes: int = 10
    dropout: float = 0.0
    size: int = 32


# book/28-a-network-that-sees.md#small-cnn
class SmallCNN(nn.Module):
    """Stages of two 3x3 convolutions and a pooling, then two linear layers.

    Args:
        config: the sizes; by default those of `CNNConfig()`.
    """

    def __init__(self, config: CNNConfig | None = None):
        self.config = config = config or CNNConfig()
        layers, before = [], 3
        for channels in config.channels:
            for inputs in before, channels:
                convolution = nn.Conv2d(inputs, channels, 3, padding=1)
                layers += [convolution, nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
            before = channels
        self.features = nn.Sequential(*layers)
        side = config.size // 2 ** len(config.channels)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(before * side * side, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.classes),
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return logits (N, classes) for photographs (N, 3, size, size)."""
        return self.classifier(self.features(input))


# book/29-residual-connections.md#residual-block
def _convolution(inputs, outputs):
    """Return a 3x3 convolution, a batch normalisation and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Residual(nn.Module):
    """x + f(x), where f is two convolutions that keep the shape.

    He and others (2016), with the ReLU before the sum.

    Args:
        channels: of the input and of the output.
    """

    def __init__(self, channels: int):
        self.first = _convolution(channels, channels)
        self.second = _convolution(channels, channels)

    def forward(self, input: Tensor) -> Tensor:
        """Return an output of the shape of the input, (N, C, H, W)."""
        return input + self.second(self.first(input))


# book/29-residual-connections.md#res-net
@dataclass(frozen=True)
class ResNetConfig:
    """The sizes of a `ResNet`.

    Args:
        channels: of each stage, behind which a pooling lies; one more block
            is behind the last.
        classes: how many kinds of photographs there are.
        dropout: probability of dropping a value before the last layer.
    """

    channels: tuple[int, ...] = (32, 64, 128)
    classes: int = 10
    dropout: float = 0.0


class ResNet(nn.Module):
    """A convolutional network with shortcuts, for small photographs.

    Args:
        config: the sizes; by default those of `ResNetConfig()`.
    """

    def __init__(self, config: ResNetConfig | None = None):
        self.config = config = config or ResNetConfig()
        first = config.channels[0]
        layers = [_convolution(3, first), _convolution(first, first)]
        for before, after in pairwise(config.channels):
            layers += [nn.MaxPool2d(2), _convolution(before, after)]
            layers += [Residual(after)]
        layers += [nn.MaxPool2d(2), Residual(config.channels[-1])]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(config.channels[-1], config.classes),
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return logits (N, classes) for photographs (N, 3, H, W)."""
        return self.classifier(self.features(input))
