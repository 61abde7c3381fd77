# Made from book/ by scripts/tangle.py: edit the chapters.
"""Files of named arrays, as `save` writes and `load` reads them."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dlfs.autograd.devices import Device
from dlfs.autograd.engine import Tensor, _values
from dlfs.autograd.habits import _AT_THE_DOOR

__all__ = ["load", "save"]


# book/14-from-pytorch.md#saving
def save(obj: Mapping[str, Any], f: str | Path) -> None:
    """Write named arrays or tensors into an .npz file, under any name.

    Args:
        obj: what `state_dict()` of a model returns, or the like.
        f: the file; it is replaced as a whole.

    Raises:
        TypeError: something in it is no array of numbers.
    """
    from dlfs.trainer import write_atomically

    if not isinstance(obj, Mapping):
        raise TypeError(
            f"save: a {type(obj).__name__} is no dict of arrays: "
            "save model.state_dict()"
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in obj.items():
            array = _values(value)
            if getattr(array, "dtype", np.dtype(object)).kind not in "fiub":
                raise TypeError(
                    f"save: {name} is a {type(value).__name__}; expected "
                    "arrays, as in model.state_dict()"
                )
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(array))
    write_atomically(Path(f), buffer.getvalue())


# book/14-from-pytorch.md#loading
_UNREADABLE = (
    "load: {} cannot be read: {}. Perhaps it is no file of arrays. If PyTorch "
    'wrote it, convert it where PyTorch is: numpy.savez("new.npz", **{{k: '
    "v.numpy() for k, v in torch.load(path, weights_only=True).items()}})"
)


def load(
    f: str | Path, map_location: Any = "cpu", weights_only: bool = True
) -> dict[str, Tensor]:
    """Read what `save` or `numpy.savez` wrote. Nothing in it is executed.

    Args:
        f: the file.
        map_location: "cpu", the only device.
        weights_only: True; a program in a file is never run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is something else, as a .pth of PyTorch is, or broken.
    """
    from dlfs.trainer.checkpoint import _read_members

    if not weights_only:
        raise ValueError("load: weights_only=False, but no code is ever run")
    Device(map_location or "cpu")
    if not Path(f).exists():
        raise FileNotFoundError(f"load: {f} does not exist")
    try:
        arrays = _read_members(Path(f))
    except Exception as error:  # whatever a broken file makes readers say
        raise ValueError(_UNREADABLE.format(f, error)) from error
    return {name: Tensor(array) for name, array in arrays.items()}


# book/14-from-pytorch.md#saving-at-the-door
_AT_THE_DOOR.update(save=save, load=load)
