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


@dataclass(frozen=True)
class Checkpoint:
    """Where a training is kept, and what of it.

    Attributes:
        file: where; None keeps nothing.
        model: whose weights are kept.
        optimizer: of the model.
        happened: lists of numbers by name; `recall` fills them.
        settings: what makes this training another one than the rest; JSON can hold it.
        writes: of several processes all read the file, and one writes it.
    """

    file: Path | None
    model: nn.Module
    optimizer: torch.optim.Optimizer
    happened: dict[str, list[float]]
    settings: dict[str, Any]
    writes: bool = True

    def keep(self) -> None:
        """Write the file, all of it or nothing."""
        if self.file is None or not self.writes:
            return
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        tensors |= {f"happened.{name}": torch.tensor(v, dtype=torch.float64) for name, v in self.happened.items()}
        # each with memory of its own, in the order of its axes: a file cannot hold anything else
        own = {name: tensor.cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".part")
        save_file(own, unfinished, metadata={"settings": self._identity})
        unfinished.replace(self.file)

    def recall(self) -> None:
        """Bring everything to where the file left it; without a file nothing happens.

        Raises:
            ValueError: the file is damaged or was left by another training; it stays as it is.
        """
        if self.file is None or not self.file.exists():
            return
        try:
            with safe_open(self.file, "pt") as file:
                settings = (file.metadata() or {}).get("settings")
                # copies: Windows replaces no file that somebody still looks into
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{self.file} is damaged ({error}); remove it to begin anew") from error
        if settings != self._identity:
            raise ValueError(f"{self.file} was left by another training, {settings}, not {self._identity}; remove it")
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "happened": {}}
        for name, tensor in tensors.items():
            part, rest = name.split(".", 1)
            parts[part][rest] = tensor
        try:
            self.model.load_state_dict(parts["model"])
        except RuntimeError as error:
            raise ValueError(f"{self.file} holds another network: {error}") from error
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in parts["optimizer"].items():
            number, key = name.split(".")
            state.setdefault(int(number), {})[key] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        for name, values in parts["happened"].items():
            self.happened[name][:] = values.tolist()

    @property
    def _identity(self) -> str:
        # what the layers say of themselves: another decay or dropout is another training, although the weights fit
        layers = hashlib.sha256(repr(self.model).encode()).hexdigest()[:12]
        return json.dumps(self.settings | {"network": f"{type(self.model).__name__} {layers}"}, sort_keys=True)
