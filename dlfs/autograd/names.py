# Made from book/ by scripts/tangle.py: edit the chapters.
"""Names of PyTorch: which are here, elsewhere, or left out on purpose."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from dlfs.autograd.engine import Tensor

__all__ = ["ELSEWHERE", "ON_PURPOSE", "USUAL", "advise", "missing", "names_of"]


# book/14-from-pytorch.md#names-elsewhere
_ELSEWHERE = """
    dlfs.asarray: `dlfs.from_numpy(array)`, which shares its memory
    dlfs.bernoulli: dlfs.rand_like(p) < p
    dlfs.concat dlfs.concatenate: dlfs.cat
    dlfs.hstack: `dlfs.cat(tensors, 1)`, for vectors `dlfs.cat(tensors, 0)`
    dlfs.vstack: `dlfs.cat(tensors, 0)`, for vectors `dlfs.stack(tensors)`
    dlfs.nonzero Tensor.nonzero: numpy.argwhere(t.data)
    dlfs.meshgrid: numpy.meshgrid(..., indexing="ij")
    dlfs.median Tensor.median: numpy.quantile(t.data, 0.5, method="lower")
    dlfs.finfo: numpy.finfo(t.dtype)
    dlfs.data.Sampler: `__iter__` and `__len__` in a class of any kind
    dlfs.seed: dlfs.manual_seed(number)
    dlfs.set_printoptions: numpy.set_printoptions
    dlfs.utils: `dlfs.data` for `torch.utils.data`
    Tensor.bernoulli_: t.copy_(dlfs.rand_like(t) < p)
    Tensor.detach_: t = t.detach()
    Tensor.half: t.float()
    Tensor.new_tensor: dlfs.tensor(data, dtype=t.dtype)
    Tensor.random_: t.copy_(dlfs.randint(low, high, t.shape))
    Module.add_module: setattr(model, name, module)
    Module.register_parameter: setattr(model, name, parameter)
    Module.half: model.float()
    Module.type: model.to(dtype)
    dlfs.autograd.Variable: the tensor itself, with `requires_grad=True`
    dlfs.autograd.backward: t.backward()
    dlfs.autograd.enable_grad: dlfs.enable_grad
    dlfs.nn.functional: `dlfs.relu`, `dlfs.nn.cross_entropy` and the like
    dlfs.nn.parameter: dlfs.nn.Parameter
    dlfs.nn.utils: dlfs.optim.clip_grad_norm_
    dlfs.data.RandomSampler: DataLoader(..., shuffle=True)
    dlfs.data.SequentialSampler: DataLoader(..., shuffle=False)
"""


# book/14-from-pytorch.md#names-on-purpose
_ON_PURPOSE = """
    dlfs.accelerator dlfs.backends dlfs.set_default_device Tensor.cuda \
        Tensor.pin_memory Tensor.share_memory_ Module.cuda Module.cpu \
        Module.share_memory: there is only the CPU: leave it out
    dlfs.distributed dlfs.data.DistributedSampler dlfs.nn.SyncBatchNorm: \
        there is one process: leave it out
    dlfs.nn.DataParallel: there is one process: call the model as it is
    dlfs.compile dlfs.jit Module.compile: nothing is compiled: leave it out
    dlfs.amp: all is computed in float32: leave it out
    dlfs.bfloat16 dlfs.float16: NumPy is slow with 16 bits: use `dlfs.float32`
    dlfs.nn.quantized: NumPy is slow with 8 bits: use `dlfs.float32`
    dlfs.complex64: gradients are of real numbers
    dlfs.set_default_dtype: name the dtype where a tensor is made
    dlfs.set_num_threads: set `OPENBLAS_NUM_THREADS` before you start
    dlfs.sparse: arrays are dense: index them
    Tensor.data_ptr: `numpy.shares_memory(a.data, b.data)` tells who shares
    Tensor.stride: `t.data.strides` has them, in bytes
    dlfs.autograd.detect_anomaly: errors of the graph name the operation
    dlfs.autograd.profiler: use `cProfile`: all of it is Python
    dlfs.optim.LBFGS: it needs the whole data set in each step: use `AdamW`
    dlfs.optim.SparseAdam: arrays are dense: use `Adam`
    dlfs.data.get_worker_info: a loader has no workers
"""


# book/14-from-pytorch.md#names-usual
_BOTH = """
    abs add addmm all amax amin any argmax argmin bmm bool chunk clamp clip
    clone cos cosh cumsum device diagonal div dot double eq equal exp expm1
    flatten flip float gather ge gt index_select int is_floating_point isfinite
    isinf isnan le log log1p log2 log_softmax logsumexp long lt masked_fill
    matmul max mean min mm mul mv narrow ne neg norm numel outer permute pow
    prod reciprocal relu reshape roll rsqrt sigmoid sin sinh softmax sort split
    sqrt square squeeze std sub sum t tan tanh topk trace transpose tril triu
    unbind unsqueeze var
"""  # functions and methods
USUAL = {
    "dlfs": f"""{_BOTH}
        allclose arange argsort as_tensor autograd bincount cat cuda diag
        einsum empty empty_like enable_grad erf eye float32 float64 floor
        from_numpy full full_like Generator inf inference_mode int32 int64
        is_grad_enabled is_tensor linspace load logical_and logical_not
        logical_or manual_seed maximum minimum multinomial nan nn no_grad
        normal ones ones_like optim pi rand rand_like randint randn randn_like
        randperm round save set_grad_enabled sign Size stack Tensor tensor
        uint8 unique where zeros zeros_like
    """,
    "Tensor": f"""{_BOTH}
        add_ argsort backward clamp_ contiguous copy_ cpu data detach dim div_
        dtype element_size expand expand_as fill_ grad grad_fn is_contiguous
        is_cuda is_leaf item mT mul_ ndim nelement new_ones new_zeros normal_
        numpy register_hook repeat requires_grad requires_grad_ retain_grad
        shape size sub_ T to tolist type type_as uniform_ unique view view_as
        zero_
    """,
    "Module": """
        apply buffers children double eval float forward get_submodule
        load_state_dict modules named_buffers named_children named_modules
        named_parameters parameters register_buffer register_forward_hook
        requires_grad_ state_dict to train training zero_grad
    """,
    "dlfs.autograd": """
        Function forward_ad functional grad gradcheck gradgradcheck no_grad
        set_grad_enabled
    """,
    "dlfs.nn": """
        BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d Conv1d Conv2d
        CrossEntropyLoss Dropout ELU Embedding Flatten GELU GRU GroupNorm
        HuberLoss Identity KLDivLoss L1Loss LSTM LayerNorm LeakyReLU Linear
        LogSoftmax MSELoss MaxPool2d AvgPool2d Module ModuleDict ModuleList
        MultiheadAttention NLLLoss Parameter ParameterList RNN ReLU Sequential
        SiLU Sigmoid SmoothL1Loss Softmax Softplus Tanh Unflatten init
    """,
    "dlfs.optim": "Adadelta Adagrad Adam AdamW Optimizer RMSprop SGD",
    "dlfs.data": """
        BatchSampler ConcatDataset DataLoader Dataset IterableDataset Subset
        TensorDataset WeightedRandomSampler default_collate random_split
    """,
}


# book/14-from-pytorch.md#names-missing
def _by_place(table):
    """Return {place: {name: advice}} of lines `place.name ...: advice`."""
    found = {place: {} for place in USUAL}
    for line in table.strip().splitlines():
        names, _, advice = line.partition(": ")
        for each in names.split():
            place, _, name = each.rpartition(".")
            found[place][name] = advice.strip()
    return found


ELSEWHERE, ON_PURPOSE = _by_place(_ELSEWHERE), _by_place(_ON_PURPOSE)


def advise(place: str, name: str) -> str:
    """Return what to do about a name of PyTorch that is not here, or "".

    Args:
        place: "dlfs", "dlfs.nn" and the like, "Tensor" or "Module".
        name: the name.
    """
    if name in ELSEWHERE[place]:
        return f"write {ELSEWHERE[place][name]}"
    if name in ON_PURPOSE[place]:
        return ON_PURPOSE[place][name]
    if place in ("dlfs", "Tensor") and callable(getattr(np, name, None)):
        return f"write `numpy.{name}`, which takes `t.data`"
    is_usual = name in USUAL[place].split()
    return "PyTorch has it, and this package does not" * is_usual


def missing(place: str) -> Callable:
    """Return a `__getattr__`, for a module or a class, that advises."""

    def find(*owner_and_name: Any) -> Any:
        *owners, name = owner_and_name  # a module gets the name alone
        owner = owners[0] if owners else sys.modules.get(place)
        advice = advise(place, name).replace("`", "")
        plain = name.rstrip("_")
        if plain != name and place == "Tensor" and hasattr(Tensor, plain):
            advice = advice or f"write x = x.{plain}(...)"
        label = type(owner).__name__ if owners else place
        text = f"{label} has no {name}" + f": {advice}" * bool(advice)
        raise AttributeError(text, name=name, obj=owner)

    return find


# book/14-from-pytorch.md#names-of
def names_of(place: str) -> dict[str, str | None]:
    """Return {name of PyTorch: None if it is here, or what to do instead}."""
    home = {"Tensor": "dlfs", "Module": "dlfs.nn"}.get(place, place)
    owner = importlib.import_module(home)
    owner = getattr(owner, place, owner)  # the class, or the module
    known = {*USUAL[place].split(), *ELSEWHERE[place], *ON_PURPOSE[place]}
    return {
        name: None if hasattr(owner, name) else advise(place, name)
        for name in sorted(known, key=lambda name: (name.lower(), name))
    }
