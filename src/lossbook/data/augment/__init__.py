"""Augmentation a batch at a time, with parameters of its own for every sample.

Each module takes images (N, C, H, W) in [0, 1] (noise: inputs of any shape) and returns as many of the same shape. The
random numbers are torch's global ones of the input's device, which checkpoints save, so that a resumed run repeats
them. ``geometric`` says that pixels move: then ``change`` moves targets in the image's coordinates as well.
"""

from lossbook.data.augment.change import Change, Geometric
from lossbook.data.augment.colour import BrightnessContrast, ColorJitter, GaussianBlur, Grayscale
from lossbook.data.augment.each_sample import EachSample
from lossbook.data.augment.geometric import Affine, HorizontalFlip, PadCrop, ResizedCrop, affine_matrix
from lossbook.data.augment.noise import Erasing, GaussianNoise
from lossbook.data.augment.policies import RandAugment, TrivialAugment

__all__ = [
    "Affine",
    "BrightnessContrast",
    "Change",
    "ColorJitter",
    "EachSample",
    "Erasing",
    "GaussianBlur",
    "GaussianNoise",
    "Geometric",
    "Grayscale",
    "HorizontalFlip",
    "PadCrop",
    "RandAugment",
    "ResizedCrop",
    "TrivialAugment",
    "affine_matrix",
]
