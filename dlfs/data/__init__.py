# Made from book/ by scripts/tangle.py: edit the chapters.
"""What the modules of dlfs.data offer, in one place."""

from dlfs.data.dataset import ConcatDataset, Dataset, Subset, random_split
from dlfs.data.download import (
    SLOWEST,
    DownloadError,
    RemoteFile,
    data_root,
    download_file,
    sha256_of,
)
from dlfs.data.idx import IDX_UBYTE, DataError, read_idx, read_idx_shape
from dlfs.data.loader import (
    DataLoader,
    TensorDataset,
    default_collate,
    hold_out,
)
from dlfs.data.mnist import (
    MNIST,
    MNIST_FILES,
    MNIST_MIRRORS,
    Digits,
    IDXDataset,
    MNISTMini,
    find_file,
    find_folder,
    load_mnist,
)
from dlfs.data.sampler import WeightedRandomSampler
from dlfs.data.transforms import fingerprint, normalize, pixel_statistics

__all__ = [
    "IDX_UBYTE",
    "MNIST",
    "MNIST_FILES",
    "MNIST_MIRRORS",
    "SLOWEST",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "Dataset",
    "Digits",
    "DownloadError",
    "IDXDataset",
    "MNISTMini",
    "RemoteFile",
    "Subset",
    "TensorDataset",
    "WeightedRandomSampler",
    "data_root",
    "default_collate",
    "download_file",
    "find_file",
    "find_folder",
    "fingerprint",
    "hold_out",
    "load_mnist",
    "normalize",
    "pixel_statistics",
    "random_split",
    "read_idx",
    "read_idx_shape",
    "sha256_of",
]
