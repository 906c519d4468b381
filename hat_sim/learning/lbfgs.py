"""L-BFGS as torch has it, without torch's compiler: see `adam.py`."""

from __future__ import annotations

from inspect import unwrap
from typing import Any

import torch

_Torchs: Any = torch.optim.LBFGS


class LBFGS(torch.optim.LBFGS):
    """Does the same, bit for bit, but does not import `torch._dynamo`."""

    add_param_group = unwrap(_Torchs.add_param_group)
    zero_grad = unwrap(_Torchs.zero_grad)
    step = torch.no_grad()(unwrap(_Torchs.step))
