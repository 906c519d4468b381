"""Adam as torch has it, without torch's compiler."""

from __future__ import annotations

from inspect import unwrap
from typing import Any

import torch

_Torchs: Any = torch.optim.Adam


class Adam(torch.optim.Adam):
    """Does the same, bit for bit, but does not import `torch._dynamo`.

    torch's own imports it to shut its methods off from it. That takes a second in every process, more than
    it takes to train a small source, and nothing here compiles.
    """

    add_param_group = unwrap(_Torchs.add_param_group)
    zero_grad = unwrap(_Torchs.zero_grad)
    step = torch.no_grad()(unwrap(_Torchs.step))
