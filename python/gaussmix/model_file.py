"""Model files: a mixture with what its users need to know of it."""

from __future__ import annotations

import os
from typing import NamedTuple

from . import _core
from ._core import Mixture


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
