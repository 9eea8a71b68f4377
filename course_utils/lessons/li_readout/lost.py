"""How far a gradient gets on its way from the scores back to the kernels."""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils.data.require import guarded


class WithoutSlope(nn.Module):
    """A spiking cell that spikes as before and has the true derivative of a spike on the way back: zero."""

    def __init__(self, cell: nn.Module):
        super().__init__()
        self.cell = cell

    def forward(self, inputs: Tensor, state: object) -> tuple[Tensor, object]:
        """One step: spikes that no gradient passes, and the state after it."""
        spikes, state = self.cell(inputs, state)
        return spikes.detach().requires_grad_(), state


@guarded
def gradient_lengths(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Length of the loss's gradient at four places of the fifth model, from the scores back to the kernels.

    Potentials and spikes of step 0, before any pixel has spiked, are left out.

    Args:
        model: with the parts `conv`, `lif` and `li`; its cells are called once a step.
        images: [batch, 1, size, size], 0 to 1.
        labels: [batch], the classes.
    """
    kept: dict[nn.Module, list[Tensor]] = {model.lif: [], model.li: []}

    def keep(cell: nn.Module, _: object, outputs: tuple) -> None:
        outputs[0].retain_grad()
        kept[cell].append(outputs[0])

    hooks = [cell.register_forward_hook(keep) for cell in kept]
    model.zero_grad()
    scores = model(images)
    for hook in hooks:
        hook.remove()
    scores.retain_grad()
    cross_entropy(scores, labels).backward()

    def length(*parts: Tensor) -> float:
        return sum(part.grad.square().sum().item() for part in parts if part.grad is not None) ** 0.5

    return {
        "scores": length(scores),
        "output potentials": length(*kept[model.li][1:]),
        "hidden spikes": length(*kept[model.lif][1:]),
        "kernels": length(model.conv.weight),
    }
