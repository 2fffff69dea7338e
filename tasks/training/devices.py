"""Which device a stage runs on."""

import torch

from tasks.contracts.errors import Misused


def pick_device(wanted: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`.

    Raises:
        Misused: cuda is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Misused("there is no usable GPU", where="params.yaml: device", wanted="cuda", found="CPU only",
                      next_step="Set device to auto or cpu, or look at `nvidia-smi`.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")
