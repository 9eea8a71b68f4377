"""A training in one `.safetensors` file: weights, the optimizer's state, and what has happened so far."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from course_utils.data.files import exists, writing
from course_utils.data.require import guarded

VERSION = torch.__version__.partition("+")[0]


@guarded
def digest(*parts: Tensor) -> str:
    """What tells tensors from others: twelve digits that depend on every value, on kind and shape."""
    sum_of_all = hashlib.sha256()
    for part in parts:
        whole = part.detach().cpu().contiguous()
        sum_of_all.update(f"{whole.dtype} {tuple(whole.shape)}".encode())
        sum_of_all.update(whole.flatten().view(torch.uint8).numpy() if whole.numel() else b"")
    return sum_of_all.hexdigest()[:12]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training is kept, and what of it."""

    file: Path | None  # None keeps nothing
    model: nn.Module
    optimizer: torch.optim.Optimizer
    happened: dict[str, list[float]]  # by name; `recall` fills the lists
    settings: dict[str, Any]  # what makes it another one than the rest, its data too (`digest`); JSON can hold it
    writes: bool = True  # of several processes all read the file, and one writes it

    def keep(self) -> None:
        """Write the file, all of it or nothing; `CannotWrite` says why not."""
        if self.file is None or not self.writes:
            return
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        tensors |= {f"happened.{name}": torch.tensor(v, dtype=torch.float64) for name, v in self.happened.items()}
        # each with memory of its own, in the order of its axes: a file cannot hold anything else
        own = {name: tensor.cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
        about = {"settings": self._identity, "content": _sum_of(own), "torch": VERSION}
        with writing(self.file) as part:
            try:
                save_file(own, part, metadata=about)
            except SafetensorError as error:  # a full disk
                raise OSError(str(error)) from error

    def recall(self) -> None:
        """Bring everything to where the file left it; without a file nothing happens.

        A file that is damaged or was left by another training is refused by a `ValueError`, and stays as it is.
        """
        if self.file is None or not exists(self.file):
            return
        if self.file.is_dir():
            raise ValueError(f"{self.file} is a folder; name a file in it")
        try:
            with safe_open(self.file, "pt") as file:
                about = file.metadata() or {}
                # copies: Windows replaces no file that somebody still looks into
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (no mapping)
                said, begun_with = json.loads(about["settings"]), about["torch"]
                if about["content"] != _sum_of(tensors):
                    raise ValueError("its content does not have the sum that was noted")
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise ValueError(
                f"{self.file} is damaged or no checkpoint ({error}); remove it to begin anew, or name another file"
            ) from error
        if said != json.loads(self._identity):
            raise ValueError(
                f"{self.file} was left by another training, {about['settings']}, not {self._identity}; remove it, or "
                "name another file"
            )
        if begun_with != VERSION:
            print(f"{self.file.name} was begun with PyTorch {begun_with}; with {VERSION} the last digits may differ.")
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "happened": {}}
        try:
            for name, tensor in tensors.items():
                part, rest = name.split(".", 1)
                parts[part][rest] = tensor
            self.model.load_state_dict(parts["model"])
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in parts["optimizer"].items():
                number, key = name.split(".")
                state.setdefault(int(number), {})[key] = value
            self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
            for name, values in parts["happened"].items():
                self.happened[name][:] = values.tolist()
        except (RuntimeError, KeyError, ValueError) as error:
            raise ValueError(f"{self.file} holds another network: {error}") from error

    @property
    def _identity(self) -> str:
        # what the layers say of themselves: another decay or dropout is another training, although the weights fit
        layers = hashlib.sha256(repr(self.model).encode()).hexdigest()[:12]
        return json.dumps(self.settings | {"network": f"{type(self.model).__name__} {layers}"}, sort_keys=True)


def _sum_of(tensors: dict[str, Tensor]) -> str:
    """What safetensors does not keep: a sum by which a change in the middle of the file is seen."""
    names = sorted(tensors)
    return digest(*(tensors[name] for name in names)) + hashlib.sha256(" ".join(names).encode()).hexdigest()[:12]
