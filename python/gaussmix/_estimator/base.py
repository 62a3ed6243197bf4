"""The protocol that scikit-learn's tools expect of an estimator, kept without importing scikit-learn."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import Any, ClassVar, Self

import numpy as np

from .._core import InvalidArgumentError

_UNCHANGED = "$UNCHANGED$"  # scikit-learn's mark for "leave this request as it is"


class EstimatorBase:
    """Parameters by name, tags and metadata requests. A constructor only stores its arguments under their names."""

    # The metadata of each method, which meta-estimators of scikit-learn may pass on.
    _METADATA: ClassVar[dict[str, tuple[str, ...]]] = {
        "fit": ("sample_weight", "callback", "deadline"),
        "score": ("sample_weight",),
    }

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        """The constructor's parameters with their defaults."""
        parameters = inspect.signature(cls).parameters.values()
        return {p.name: p.default for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """The constructor's parameters with their values. `deep` has no effect: none of them is an estimator."""
        return {name: getattr(self, name) for name in sorted(self._defaults())}

    def set_params(self, **params: Any) -> Self:
        """Sets constructor parameters; all or, when one is unknown, none."""
        known = sorted(self._defaults())
        for name in params:
            if name not in known:
                raise InvalidArgumentError(
                    f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {known!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """The constructor call, with what differs from the defaults."""
        changed = [
            f"{name}={value!r}"
            for name, default in self._defaults().items()
            if not _is_same(value := getattr(self, name), default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        tags = import_module("sklearn.utils")
        return tags.Tags(
            estimator_type="density_estimator",
            target_tags=tags.TargetTags(required=False),
            input_tags=tags.InputTags(),
        )

    def get_metadata_routing(self) -> Any:
        """What `fit` and `score` ask meta-estimators for, for scikit-learn's metadata routing."""
        if hasattr(self, "_metadata_request"):
            return self._metadata_request
        routing = import_module("sklearn.utils.metadata_routing")
        request = routing.MetadataRequest(owner=type(self).__name__)
        for method, names in self._METADATA.items():
            for name in names:
                getattr(request, method).add_request(param=name, alias=None)
        return request

    def set_fit_request(
        self,
        *,
        sample_weight: bool | str | None = _UNCHANGED,
        callback: bool | str | None = _UNCHANGED,
        deadline: bool | str | None = _UNCHANGED,
    ) -> Self:
        """Says which of these meta-estimators of scikit-learn pass to `fit`."""
        return self._set_request("fit", sample_weight=sample_weight, callback=callback, deadline=deadline)

    def set_score_request(self, *, sample_weight: bool | str | None = _UNCHANGED) -> Self:
        """Says whether meta-estimators of scikit-learn pass `sample_weight` to `score`."""
        return self._set_request("score", sample_weight=sample_weight)

    def _set_request(self, method: str, **aliases: bool | str | None) -> Self:
        if not import_module("sklearn").get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "This method is only available when metadata routing is enabled. "
                "You can enable it using sklearn.set_config(enable_metadata_routing=True)."
            )
        request = self.get_metadata_routing()
        for name, alias in aliases.items():
            if alias != _UNCHANGED:
                getattr(request, method).add_request(param=name, alias=alias)
        self._metadata_request = request
        return self

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Sets the callbacks of scikit-learn 1.9 or newer that `fit` tells of its starts and iterations; none removes
        them."""
        support: Any = import_module("sklearn.callback").CallbackSupportMixin
        support.set_callbacks(self, *callbacks)
        return self

    def _repr_html_(self) -> str | None:
        """scikit-learn's box for notebooks, where scikit-learn is loaded and set to draw it."""
        sklearn = sys.modules.get("sklearn")
        if sklearn is None or sklearn.get_config()["display"] != "diagram":
            return None
        return str(import_module("sklearn.utils").estimator_html_repr(self))

    def _get_params_html(self, *args: Any, **kwargs: Any) -> Any:
        """The table of parameters in that box."""
        return import_module("sklearn.base").BaseEstimator._get_params_html(self, *args, **kwargs)


def _is_same(value: Any, default: Any) -> bool:
    """Whether a parameter has its default, which is never an array."""
    return value is default or (np.ndim(value) == 0 and type(value) is type(default) and bool(value == default))
