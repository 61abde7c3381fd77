# Made from book/ by scripts/tangle.py: edit the chapters.
"""Names of PyTorch: which are here, elsewhere, or left out on purpose."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from dlfs.autograd.engine import Tensor

__all__ = ["ELSEWHERE", "ON_PURPOSE", "USUAL", "advise", "missing", "names_of"]


# book/14-from-pytorch.md#names-elsewhere
ELSEWHERE = {
    "dlfs": {
        "argsort": "numpy.argsort(t)",
        "asarray": "`dlfs.from_numpy(array)`, which shares its memory",
        "bernoulli": "dlfs.rand_like(p) < p",
        "concat": "dlfs.cat",
        "concatenate": "dlfs.cat",
        "hstack": "dlfs.cat(tensors, 1)",
        "vstack": "dlfs.cat(tensors, 0)",
        "diag": "numpy.diag(t.data)",
        "floor": "`numpy.floor(t)`, which takes tensors",
        "round": "`numpy.rint(t)`, which takes tensors",
        "sign": "`numpy.sign(t)`, which takes tensors",
        "logical_and": "numpy.logical_and(a, b)",
        "logical_not": "numpy.logical_not(a)",
        "logical_or": "numpy.logical_or(a, b)",
        "meshgrid": "`numpy.meshgrid`, and `dlfs.from_numpy`",
        "nonzero": "numpy.nonzero(t.data)",
        "seed": "dlfs.manual_seed(number)",
        "set_printoptions": "numpy.set_printoptions",
        "unique": "numpy.unique(t.data)",
        "utils": "`dlfs.data` for `torch.utils.data`",
    },
    "Tensor": {
        "argsort": "numpy.argsort(t)",
        "bernoulli_": "t.copy_(dlfs.rand_like(t) < p)",
        "detach_": "t = t.detach()",
        "half": "t.float()",
        "new_tensor": "dlfs.tensor(data, dtype=t.dtype)",
        "nonzero": "numpy.nonzero(t.data)",
        "random_": "t.copy_(dlfs.randint(low, high, t.shape))",
        "unique": "numpy.unique(t.data)",
    },
    "Module": {
        "add_module": "setattr(model, name, module)",
        "register_parameter": "setattr(model, name, parameter)",
        "half": "model.float()",
        "type": "model.to(dtype)",
    },
    "dlfs.autograd": {
        "Variable": "the tensor itself, with `requires_grad=True`",
        "backward": "t.backward()",
        "enable_grad": "dlfs.enable_grad",
    },
    "dlfs.nn": {
        "functional": "`dlfs.relu`, `dlfs.nn.cross_entropy` and the like",
        "parameter": "dlfs.nn.Parameter",
        "utils": "dlfs.optim.clip_grad_norm_",
    },
    "dlfs.optim": {},
    "dlfs.data": {
        "RandomSampler": "DataLoader(..., shuffle=True)",
        "SequentialSampler": "DataLoader(..., shuffle=False)",
    },
}


# book/14-from-pytorch.md#names-on-purpose
_CPU = "there is only the CPU: leave it out"
_AS_IT_IS = "nothing is compiled: call the model as it is"
_HALF = "NumPy is slow with 16 bits: use `dlfs.float32`"

ON_PURPOSE = {
    "dlfs": {
        "accelerator": _CPU,
        "amp": "all is computed in float32: leave it out",
        "backends": _CPU,
        "bfloat16": _HALF,
        "compile": _AS_IT_IS,
        "complex64": "gradients are of real numbers",
        "distributed": "there is one process: leave it out",
        "float16": _HALF,
        "jit": _AS_IT_IS,
        "set_default_device": _CPU,
        "set_default_dtype": "name the dtype where a tensor is made",
        "set_num_threads": "set `OPENBLAS_NUM_THREADS` before you start",
        "sparse": "arrays are dense: index them",
    },
    "Tensor": {
        "cuda": _CPU,
        "pin_memory": _CPU,
        "share_memory_": _CPU,
        "data_ptr": "`numpy.shares_memory(a.data, b.data)` tells who shares",
        "stride": "`t.data.strides` has them, in bytes",
    },
    "Module": {
        "compile": _AS_IT_IS,
        "cuda": _CPU,
        "share_memory": _CPU,
    },
    "dlfs.autograd": {
        "detect_anomaly": "errors of the graph name the operation already",
        "profiler": "use `cProfile`: all of it is Python",
    },
    "dlfs.nn": {
        "DataParallel": "there is one process: call the model as it is",
        "SyncBatchNorm": "there is one process",
        "quantized": _HALF.replace("16", "8"),
    },
    "dlfs.optim": {
        "LBFGS": "it needs the whole data set in each step: use `AdamW`",
        "SparseAdam": "arrays are dense: use `Adam`",
    },
    "dlfs.data": {
        "DistributedSampler": "there is one process: leave it out",
        "get_worker_info": "a loader has no workers",
    },
}


# book/14-from-pytorch.md#names-usual
USUAL = {
    "dlfs": """
        Generator Size Tensor abs add addmm all allclose amax amin any arange
        argmax argmin as_tensor autograd bincount bmm bool cat chunk
        clamp clip clone cos cosh cuda cumsum device diagonal div
        dot double einsum empty empty_like enable_grad eq equal erf exp expm1
        eye flatten flip float float32 float64 from_numpy full full_like
        gather ge gt index_select inference_mode inf int int32 int64 is_tensor
        is_grad_enabled isfinite isinf isnan le linspace load log log1p log2
        logsumexp long lt manual_seed masked_fill matmul max maximum mean min
        minimum mm mul multinomial mv nan narrow ne neg nn no_grad norm normal
        numel ones ones_like optim outer permute pi pow prod rand rand_like
        randint randn randn_like randperm reciprocal relu reshape roll rsqrt
        save set_grad_enabled sigmoid sin sinh softmax log_softmax sort split
        sqrt square squeeze stack std sub sum t tan tanh tensor topk trace
        transpose tril triu uint8 unbind unsqueeze var where zeros zeros_like
    """,
    "Tensor": """
        T abs add add_ addmm all amax amin any argmax argmin backward bmm bool
        chunk clamp clamp_ clip clone contiguous copy_ cos cpu cumsum data
        detach device diagonal dim div div_ dot double dtype element_size eq
        equal exp expand expand_as expm1 fill_ flatten flip float gather ge
        grad grad_fn gt index_select int is_contiguous is_cuda
        is_floating_point is_leaf isfinite isinf isnan item le log log1p
        log_softmax logsumexp long lt mT masked_fill matmul max mean min mm
        mul mul_ narrow ndim ne neg nelement new_ones new_zeros norm normal_
        numel numpy permute pow prod reciprocal register_hook relu repeat
        requires_grad requires_grad_ reshape retain_grad roll rsqrt shape
        sigmoid sin size softmax sort split sqrt square squeeze std sub sub_
        sum t tan tanh to tolist topk transpose tril triu type type_as unbind
        uniform_ unsqueeze var view view_as zero_
    """,
    "dlfs.autograd": """
        Function forward_ad functional grad gradcheck gradgradcheck no_grad
        set_grad_enabled
    """,
    "Module": """
        apply buffers children double eval float forward
        get_submodule load_state_dict modules named_buffers named_children
        named_modules named_parameters parameters register_buffer
        register_forward_hook requires_grad_ state_dict to
        train training zero_grad
    """,
}


# book/14-from-pytorch.md#names-usual-layers
USUAL |= {
    "dlfs.nn": """
        BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d Conv1d Conv2d
        CrossEntropyLoss Dropout ELU Embedding Flatten GELU GRU GroupNorm
        HuberLoss Identity KLDivLoss L1Loss LSTM LayerNorm LeakyReLU Linear
        LogSoftmax MSELoss MaxPool2d AvgPool2d Module ModuleDict ModuleList
        MultiheadAttention NLLLoss Parameter ParameterList RNN ReLU Sequential
        SiLU Sigmoid SmoothL1Loss Softmax Softplus Tanh Unflatten init
    """,
    "dlfs.optim": """
        Adadelta Adagrad Adam AdamW Optimizer RMSprop SGD
    """,
    "dlfs.data": """
        BatchSampler ConcatDataset DataLoader Dataset IterableDataset Subset
        TensorDataset WeightedRandomSampler default_collate random_split
    """,
}


# book/14-from-pytorch.md#names-missing
def advise(place: str, name: str) -> str:
    """Return what to do about a name of PyTorch that is not here, or "".

    Args:
        place: "dlfs", "dlfs.nn" and the like, "Tensor" or "Module".
        name: the name.
    """
    if name in ELSEWHERE[place]:
        return f"write {ELSEWHERE[place][name]}"
    if name in USUAL[place].split():
        return "PyTorch has it, and this package does not"
    return ON_PURPOSE[place].get(name, "")


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
_HOMES = {"Tensor": ("dlfs", "Tensor"), "Module": ("dlfs.nn", "Module")}


def names_of(place: str) -> dict[str, str | None]:
    """Return {name of PyTorch: None if it is here, or what to do instead}."""
    home, *inner = _HOMES.get(place, (place,))
    owner = importlib.import_module(home)
    for name in inner:
        owner = getattr(owner, name)
    known = {*USUAL[place].split(), *ELSEWHERE[place], *ON_PURPOSE[place]}
    return {
        name: None if hasattr(owner, name) else advise(place, name)
        for name in sorted(known, key=lambda name: (name.lower(), name))
    }
