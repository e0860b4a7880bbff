"""Pyramid of a plain vision transformer: four of its maps, enlarged and shrunk, feed UPerNet (Table 13).

A plain transformer keeps one grid. As in BEiT's segmenters, the maps of four blocks at equal distances are brought to
4, 2, 1 and 1/2 times the grid by transposed convolutions and pooling; with patches of 16 pixels that is the pyramid of
strides 4, 8, 16 and 32 of a convolutional network.
"""

from typing import Any

from torch import Tensor, nn

from helixnas.errors import ConfigError

NUM_MAPS = 4
PATCH = 16


class TokenPyramid(nn.Module):
    """An SMP encoder made of a plain vision transformer with patches of 16 pixels; stride 2 has 0 channels.

    The model is changed in place: classifier and unused layers go. `image_size` is the side of all images, to which the
    positions of timm's transformers are interpolated once; ours adapt by themselves, and need none. Raises `ConfigError` if
    the patches have another size.
    """

    def __init__(self, model: Any, *, image_size: int = 0, name: str = "the model") -> None:
        super().__init__()
        info = model.feature_info
        if info[0]["reduction"] != PATCH:
            raise ConfigError(
                f"{name} has patches of {info[0]['reduction']} pixels; UPerNet takes transformers with patches of {PATCH}"
            )
        if len(info) < NUM_MAPS:
            raise ConfigError(f"{name} has {len(info)} blocks; UPerNet takes the maps of {NUM_MAPS}")
        self.indices = [(number + 1) * len(info) // NUM_MAPS - 1 for number in range(NUM_MAPS)]
        widths = [int(info[index]["num_chs"]) for index in self.indices]
        if image_size and callable(getattr(model, "set_input_size", None)):
            model.set_input_size(img_size=(image_size, image_size))
        model.prune_intermediate_layers(self.indices)
        self.model = model
        first, second, _, _ = widths
        self.resized = nn.ModuleList(
            [
                nn.Sequential(_doubled(first), nn.BatchNorm2d(first), nn.GELU(), _doubled(first)),
                _doubled(second),
                nn.Identity(),
                nn.MaxPool2d(2),
            ]
        )
        self.out_channels = [3, 0, *widths]
        self.output_stride = 32

    def set_in_channels(self, in_channels: int, pretrained: bool = True) -> None:
        """Accept images of 3 channels, the only ones that are made here."""
        assert in_channels == 3, "segmenters are built for images of 3 channels"

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the images, an empty map of stride 2, and the maps of strides 4, 8, 16 and 32."""
        found = self.model.forward_intermediates(images, indices=self.indices, intermediates_only=True)
        height, width = (side // 2 for side in images.shape[2:])
        maps = [resize(each) for resize, each in zip(self.resized, found, strict=True)]
        return [images, images.new_empty(len(images), 0, height, width), *maps]


def _doubled(width: int) -> nn.Module:
    return nn.ConvTranspose2d(width, width, 2, 2)
