"""A trained PyTorch convnet as a Keras model, weight for weight: the way into NengoDL. Needs TensorFlow."""

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_utils.exchange import nengo_bridge

nengo_bridge.load()
import tensorflow as tf  # noqa: E402  (behind the bridge: torch goes first)


def keras_twin(layers: nn.Sequential, channels: int, height: int, width: int) -> Any:
    """The same network in Keras: Conv2d, each with its BatchNorm2d and ReLU, then Flatten, Dropout and Linear.

    Keras has the channels last. So kernels are [rows, columns, inputs, outputs] there, and a picture is flattened in
    another order. The normalisation is folded into the weights, dropout is left out. Another layer, or one at
    another place, is refused.
    """
    layers = [layer.eval() for layer in layers if not isinstance(layer, nn.Dropout)]
    x = picture = tf.keras.Input((height, width, channels))
    for place, layer in enumerate(layers):
        match layers[place : place + 3]:
            case [nn.Conv2d(), nn.BatchNorm2d(), nn.ReLU()]:
                x = tf.keras.layers.ZeroPadding2D(layer.padding)(x)
                sizes = layer.out_channels, layer.kernel_size, layer.stride
                conv = tf.keras.layers.Conv2D(*sizes, activation=tf.nn.relu)
                x, folded = conv(x), fuse_conv_bn_eval(layer, layers[place + 1])
                conv.set_weights([_array(folded.weight.permute(2, 3, 1, 0)), _array(folded.bias)])
            case [nn.BatchNorm2d() | nn.ReLU(), *_] if place:
                pass  # belongs to the convolution before it
            case [nn.Flatten(), nn.Linear() as last]:
                rows, columns, features = x.shape[1:]
                weight = last.weight.unflatten(1, (features, rows, columns)).permute(2, 3, 1, 0).flatten(0, 2)
                dense = tf.keras.layers.Dense(last.out_features)
                x = dense(tf.keras.layers.Flatten()(x))
                dense.set_weights([_array(weight), _array(last.bias)])
                return tf.keras.Model(picture, x)
            case _:
                break
    raise ValueError(
        f"layer {place} is a {type(layer).__name__}; there must be Conv2d, BatchNorm2d, ReLU in turn, then Flatten "
        "and one Linear at the end"
    )


def flat_pictures(pictures: Tensor) -> np.ndarray:
    """Pictures [count, channels, height, width] as NengoDL takes them: [count, 1, height · width · channels]."""
    return pictures.movedim(1, 3).flatten(1)[:, None].numpy()


def _array(values: Tensor) -> np.ndarray:
    return values.detach().numpy()
