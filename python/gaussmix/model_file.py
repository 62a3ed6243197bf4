"""Model files: a mixture with what its users need to know of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from . import _core
from ._core import Mixture

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Model(NamedTuple):
    """What a model file holds.

    Attributes
    ----------
    mixture : Mixture
    feature_names : tuple of str, (D,), or None
        None where the file has none.
    metadata : dict of str to str
        The user's own strings.
    """

    mixture: Mixture
    feature_names: tuple[str, ...] | None
    metadata: dict[str, str]


def load_model(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> Model:
    """The mixture in a model file, with the feature names and metadata that `Mixture.save` was given.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        As in `Mixture.load`.

    Returns
    -------
    Model

    Raises
    ------
    FormatError
        For a corrupt, truncated or foreign file.
    OSError
        When the system refuses.
    """
    return Model(*_core.load_model(path))


def model_from_bytes(data: Buffer) -> Model:
    """The mixture in the bytes of a model file, with the feature names and metadata that `Mixture.to_bytes` was given.

    Parameters
    ----------
    data : bytes-like
        As in `Mixture.from_bytes`.

    Returns
    -------
    Model

    Raises
    ------
    FormatError
        For corrupt, truncated or foreign bytes.
    """
    return Model(*_core.model_from_bytes(data))
