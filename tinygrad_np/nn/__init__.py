"""Networks: modules with PyTorch's names, arguments, defaults, shapes of weights and keys of the state."""

from .activations import (
    CELU as CELU,
)
from .activations import (
    ELU as ELU,
)
from .activations import (
    GELU as GELU,
)
from .activations import (
    GLU as GLU,
)
from .activations import (
    SELU as SELU,
)
from .activations import (
    Hardshrink as Hardshrink,
)
from .activations import (
    Hardsigmoid as Hardsigmoid,
)
from .activations import (
    Hardswish as Hardswish,
)
from .activations import (
    Hardtanh as Hardtanh,
)
from .activations import (
    LeakyReLU as LeakyReLU,
)
from .activations import (
    LogSigmoid as LogSigmoid,
)
from .activations import (
    LogSoftmax as LogSoftmax,
)
from .activations import (
    Mish as Mish,
)
from .activations import (
    PReLU as PReLU,
)
from .activations import (
    ReLU as ReLU,
)
from .activations import (
    ReLU6 as ReLU6,
)
from .activations import (
    RReLU as RReLU,
)
from .activations import (
    Sigmoid as Sigmoid,
)
from .activations import (
    SiLU as SiLU,
)
from .activations import (
    Softmax as Softmax,
)
from .activations import (
    Softmax2d as Softmax2d,
)
from .activations import (
    Softmin as Softmin,
)
from .activations import (
    Softplus as Softplus,
)
from .activations import (
    Softshrink as Softshrink,
)
from .activations import (
    Softsign as Softsign,
)
from .activations import (
    Tanh as Tanh,
)
from .activations import (
    Tanhshrink as Tanhshrink,
)
from .activations import (
    Threshold as Threshold,
)
from .containers import ModuleDict as ModuleDict
from .containers import ModuleList as ModuleList
from .containers import Sequential as Sequential
from .linear import Identity as Identity
from .linear import Linear as Linear
from .module import Module as Module
from .parameter import Parameter as Parameter
