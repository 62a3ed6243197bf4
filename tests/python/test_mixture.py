"""The surface of Mixture and RowScorer: signatures, shapes, dtypes, outputs, copies, draws."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gaussmix
import numpy as np
import pytest
from conftest import MakeMixture
from gaussmix import InvalidArgumentError
from numpy.typing import NDArray

TYPES = ("full", "tied", "diag", "spherical")
BY_COMPONENT = ("component_log_prob", "log_joint", "log_responsibilities", "responsibilities")
BY_ROW = ("log_prob", "predict")
SHAPES = {"full": (3, 4, 4), "tied": (4, 4), "diag": (3, 4), "spherical": (3,)}
X = np.random.default_rng(5).normal(scale=3, size=(50, 4))


@pytest.fixture
def mixture(make_mixture: MakeMixture) -> gaussmix.Mixture:
    return make_mixture()


def verb(mixture: gaussmix.Mixture, name: str, *args: Any, **kwargs: Any) -> NDArray[Any]:
    result: NDArray[Any] = getattr(mixture, name)(*args, **kwargs)
    return result


# ---- construction and properties ----


@pytest.mark.parametrize("covariance_type", TYPES)
def test_parameters_are_kept(make_mixture: MakeMixture, covariance_type: str) -> None:
    mixture = make_mixture(covariance_type)
    assert mixture.covariance_type == covariance_type
    assert (mixture.n_components, mixture.n_features) == (3, 4)
    assert mixture.weights.shape == (3,)
    assert mixture.means.shape == (3, 4)
    assert mixture.covariances.shape == SHAPES[covariance_type]
    assert mixture.rank.tolist() == [4, 4, 4]
    assert mixture.rank.dtype == np.int64
    assert mixture.allow_singular is False
    same = gaussmix.Mixture(mixture.weights, mixture.means, mixture.covariances, covariance_type)
    assert same == mixture


@pytest.mark.parametrize(("covariance_type", "free"), [("full", 30), ("tied", 10), ("diag", 12), ("spherical", 3)])
def test_n_parameters_counts_what_is_free(make_mixture: MakeMixture, covariance_type: str, free: int) -> None:
    assert make_mixture(covariance_type).n_parameters == 2 + 12 + free  # weights, means, covariances


@pytest.mark.parametrize("name", ["weights", "means", "covariances", "rank"])
def test_property_arrays_are_read_only_views_that_keep_the_mixture(make_mixture: MakeMixture, name: str) -> None:
    mixture = make_mixture()
    array = getattr(mixture, name)
    assert array.base is mixture
    assert array.ctypes.data == getattr(mixture, name).ctypes.data  # no copy
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True
    before = array.copy()
    del mixture
    gc.collect()
    make_mixture("diag", 5, 7)
    assert np.array_equal(array, before)


def test_parameters_are_copied_in() -> None:
    weights, means, covariances = np.array([0.25, 0.75]), np.zeros((2, 1)), np.ones(2)
    mixture = gaussmix.Mixture(weights, means, covariances, "spherical")
    weights[:], means[:], covariances[:] = 0.5, 9.0, 9.0
    assert mixture == gaussmix.Mixture([0.25, 0.75], [[0], [0]], [1, 1], "spherical")


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i4", "u1", "g"])
def test_parameters_of_any_real_dtype(dtype: str) -> None:
    def of(values: Any) -> NDArray[Any]:
        return np.array(values, dtype)

    mixture = gaussmix.Mixture(of([1]), of([[2, 3]]), of([[[4, 1], [1, 5]]]))
    assert mixture == gaussmix.Mixture([1.0], [[2.0, 3.0]], [[[4.0, 1.0], [1.0, 5.0]]])


def test_parameters_in_any_order() -> None:
    factor = np.arange(12.0).reshape(2, 6)
    means = np.asfortranarray(factor[:, ::-2])
    sigma = np.stack([np.diag([1.0, 2.0, 3.0]), np.diag([4.0, 5.0, 6.0])])
    strided = np.zeros((4, 3, 6))
    strided[::-2, :, ::2] = sigma
    mixture = gaussmix.Mixture(np.array([0.25, 9, 0.75])[::2], means, strided[::-2, :, ::2])
    assert mixture == gaussmix.Mixture([0.25, 0.75], means.copy(), sigma)


def test_singular_by_choice() -> None:
    covariances = [np.diag([1.0, 0.0])]
    with pytest.raises(gaussmix.NumericalError, match="rank 1"):
        gaussmix.Mixture([1], [[0, 0]], covariances)
    mixture = gaussmix.Mixture([1], [[0, 0]], covariances, allow_singular=True)
    assert mixture.allow_singular is True
    assert mixture.rank.tolist() == [1]
    assert mixture.log_prob([[0, 0], [0, 1]]).tolist() == [pytest.approx(-0.5 * np.log(2 * np.pi)), -np.inf]


# ---- the verbs ----


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_results_have_the_shape_and_the_dtype_of_their_row(
    make_mixture: MakeMixture, covariance_type: str, dtype: str
) -> None:
    mixture, x = make_mixture(covariance_type), X.astype(dtype)
    for name in BY_COMPONENT:
        result = verb(mixture, name, x)
        assert (result.shape, result.dtype) == ((50, 3), np.dtype(dtype))
        assert result.flags.c_contiguous
        assert result.flags.writeable
    assert (mixture.log_prob(x).shape, mixture.log_prob(x).dtype) == ((50,), np.dtype(dtype))
    assert (mixture.predict(x).shape, mixture.predict(x).dtype) == ((50,), np.dtype("i8"))
    for name in ("log_likelihood", "aic", "bic"):
        assert type(getattr(mixture, name)(x)) is float


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_verbs_say_the_same_thing(make_mixture: MakeMixture, covariance_type: str) -> None:
    # Every value below is of order 100 and each relation takes a few operations: 1e-12 is 40 roundings of 100.
    mixture = make_mixture(covariance_type)
    joint = mixture.log_joint(X)

    def assert_close(actual: Any, desired: Any) -> None:
        np.testing.assert_allclose(actual, desired, rtol=1e-12, atol=1e-12)

    assert_close(joint, mixture.component_log_prob(X) + np.log(mixture.weights))
    assert_close(mixture.log_prob(X), np.logaddexp.reduce(joint, axis=1))
    assert_close(mixture.log_responsibilities(X), joint - mixture.log_prob(X)[:, None])
    assert_close(mixture.responsibilities(X), np.exp(mixture.log_responsibilities(X)))
    assert np.array_equal(mixture.predict(X), joint.argmax(axis=1))
    weight = np.arange(50.0)
    total = mixture.log_likelihood(X, weight)
    assert_close(total, weight @ mixture.log_prob(X))
    assert_close(mixture.aic(X, weight), -2 * total + 2 * mixture.n_parameters)
    assert_close(mixture.bic(X, weight), -2 * total + mixture.n_parameters * np.log(weight.sum()))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_component_log_prob_is_the_normal_density(make_mixture: MakeMixture, covariance_type: str) -> None:
    mixture = make_mixture(covariance_type)
    sigma = mixture.covariances
    forms: dict[str, Callable[[], NDArray[Any]]] = {
        "full": lambda: sigma,
        "tied": lambda: np.stack([sigma] * 3),
        "diag": lambda: np.stack([np.diag(row) for row in sigma]),
        "spherical": lambda: np.stack([value * np.eye(4) for value in sigma]),
    }
    full = forms[covariance_type]()
    difference = X[:, None] - mixture.means
    squared = np.einsum("nki,kij,nkj->nk", difference, np.linalg.inv(full), difference)
    expected = -0.5 * (squared + np.linalg.slogdet(2 * np.pi * full)[1])
    # An explicit inverse of a matrix of condition below 100 costs about 100 · 2⁻⁵³ of distances below 1000.
    np.testing.assert_allclose(mixture.component_log_prob(X), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", [*BY_COMPONENT, *BY_ROW])
def test_only_x_is_positional(mixture: gaussmix.Mixture, name: str) -> None:
    function = getattr(mixture, name)
    assert np.array_equal(function(X=X), function(X))
    with pytest.raises(TypeError):
        function(X, None)


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (
            gaussmix.Mixture,
            '(weights, means, covariances, covariance_type="full", *, allow_singular=False, feature_names=None)',
        ),
        *(
            (getattr(gaussmix.Mixture, name), "(self, X, *, out=None, num_threads=None)")
            for name in BY_COMPONENT + BY_ROW
        ),
        *(
            (getattr(gaussmix.Mixture, name), "(self, X, sample_weight=None, *, num_threads=None)")
            for name in ("log_likelihood", "aic", "bic")
        ),
        (gaussmix.Mixture.sample, "(self, n_samples, random_state=None, *, num_threads=None)"),
        (gaussmix.RowScorer.log_prob, "(self, x)"),
    ],
)
def test_signatures_can_be_inspected(function: Any, signature: str) -> None:
    assert str(inspect.signature(function)) == signature.replace('"', "'")


# ---- out ----


def outputs(shape: tuple[int, ...], dtype: str) -> list[NDArray[Any]]:
    """Arrays of one shape in different layouts."""
    wide = np.zeros([3 * size + 1 for size in shape], dtype)
    return [
        np.zeros(shape, dtype),
        np.zeros(shape, dtype, order="F"),
        np.zeros(shape, dtype)[::-1],
        wide[tuple(slice(1, None, 3) for _ in shape)],
    ]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", [*BY_COMPONENT, "log_prob"])
def test_out_is_written_whatever_its_strides(mixture: gaussmix.Mixture, name: str, dtype: str) -> None:
    expected = verb(mixture, name, X.astype(dtype))
    for out in outputs(expected.shape, dtype):
        assert verb(mixture, name, X.astype(dtype), out=out) is out
        assert np.array_equal(out, expected)


def test_out_of_predict(mixture: gaussmix.Mixture) -> None:
    for out in outputs((50,), "i8"):
        assert mixture.predict(X, out=out) is out
        assert np.array_equal(out, mixture.predict(X))


def test_only_out_is_written(mixture: gaussmix.Mixture) -> None:
    table = np.full((102, 9), 7.5)
    mixture.responsibilities(X, out=table[1:-1:2, 2:8:2])
    table[1:-1:2, 2:8:2] = 7.5
    assert (table == 7.5).all()


def test_out_may_be_of_the_other_precision(mixture: gaussmix.Mixture) -> None:
    single = mixture.log_prob(X, out=np.empty(50, "f4"))
    assert np.array_equal(single, mixture.log_prob(X).astype("f4"))
    wide = mixture.log_prob(X.astype("f4"), out=np.empty(50))
    assert np.array_equal(wide.astype("f4"), mixture.log_prob(X.astype("f4")))


def test_out_may_stand_between_the_columns_of_x(mixture: gaussmix.Mixture) -> None:
    table = np.zeros((50, 9))
    table[:, 1::2] = X
    expected = mixture.responsibilities(X)
    mixture.responsibilities(table[:, 1::2], out=table[:, 0:6:2])
    assert np.array_equal(table[:, 0:6:2], expected)


def test_out_that_shares_memory_is_refused(mixture: gaussmix.Mixture) -> None:
    table = np.zeros((50, 4))
    with pytest.raises(InvalidArgumentError, match="out must not share memory with X"):
        mixture.log_prob(table, out=table[:, 3])
    with pytest.raises(InvalidArgumentError, match="out must not share memory with X"):
        mixture.log_joint(table[::-1], out=table[:, 1:])
    broadcast = np.lib.stride_tricks.as_strided(np.zeros(3), (50, 3), (0, 8))
    with pytest.raises(InvalidArgumentError, match="elements that do not share memory"):
        mixture.log_joint(X, out=broadcast)


# ---- copies ----


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("covariance_type", TYPES)
def test_pickles_keep_every_bit(make_mixture: MakeMixture, covariance_type: str, protocol: int) -> None:
    mixture = make_mixture(covariance_type)
    again = pickle.loads(pickle.dumps(mixture, protocol))
    assert again == mixture
    for name in ("weights", "means", "covariances"):
        assert getattr(again, name).tobytes() == getattr(mixture, name).tobytes()
    assert again.log_prob(X).tobytes() == mixture.log_prob(X).tobytes()


def test_a_pickled_mixture_stays_singular() -> None:
    mixture = gaussmix.Mixture([1], [[0, 0]], [[[1, 0], [0, 0]]], allow_singular=True)
    again = pickle.loads(pickle.dumps(mixture))
    assert again == mixture
    assert again.allow_singular


def test_copies_share_what_never_changes(mixture: gaussmix.Mixture) -> None:
    assert copy.copy(mixture) is mixture
    assert copy.deepcopy([mixture])[0] is mixture


def test_equality_is_by_value(make_mixture: MakeMixture) -> None:
    assert make_mixture() == make_mixture()
    assert make_mixture("diag") != make_mixture("full")
    assert make_mixture() != make_mixture("full", 2)
    assert gaussmix.Mixture([1], [[0]], [1], "spherical") != gaussmix.Mixture([1], [[0.5]], [1], "spherical")
    assert make_mixture() != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(make_mixture())


def test_types_print_as_people_import_them(mixture: gaussmix.Mixture) -> None:
    assert repr(gaussmix.Mixture) == "<class 'gaussmix.Mixture'>"
    assert repr(mixture) == "Mixture(n_components=3, n_features=4, covariance_type='full')"
    assert repr(mixture.row_scorer()).startswith("<gaussmix.RowScorer")


# ---- draws ----


def test_a_seed_gives_the_same_draw(mixture: gaussmix.Mixture) -> None:
    numpy_seed: Any = np.uint64(7)
    x, z = mixture.sample(1000, 7)
    assert (x.shape, z.shape) == ((1000, 4), (1000,))
    assert (x.dtype, z.dtype) == (np.dtype("f8"), np.dtype("i8"))
    for again_x, again_z in (mixture.sample(1000, 7, num_threads=3), mixture.sample(1000, numpy_seed)):
        assert np.array_equal(again_x, x)
        assert np.array_equal(again_z, z)
    longer_x, longer_z = mixture.sample(1500, 7)
    assert np.array_equal(longer_x[:1000], x)
    assert np.array_equal(longer_z[:1000], z)
    assert not np.array_equal(mixture.sample(1000, 8)[0], x)
    assert not np.array_equal(mixture.sample(1000, 2**64 - 1)[0], x)


def test_generators_move_on_and_none_is_new(mixture: gaussmix.Mixture) -> None:
    for make in (np.random.default_rng, np.random.RandomState):
        generator = make(3)
        first, second = mixture.sample(10, generator)[0], mixture.sample(10, generator)[0]
        assert not np.array_equal(first, second)
        assert np.array_equal(mixture.sample(10, make(3))[0], first)
    assert not np.array_equal(mixture.sample(10)[0], mixture.sample(10)[0])


# ---- one row ----


@pytest.mark.parametrize("covariance_type", TYPES)
def test_row_scorer_gives_the_bits_of_the_batch(make_mixture: MakeMixture, covariance_type: str) -> None:
    mixture = make_mixture(covariance_type)
    scorer = mixture.row_scorer()
    assert (scorer.n_components, scorer.n_features) == (3, 4)
    log_prob, shares, labels = mixture.log_prob(X), mixture.responsibilities(X), mixture.predict(X)
    for i, row in enumerate(X):
        value, label = scorer.log_prob(row), scorer.predict(row)
        assert (type(value), value) == (float, log_prob[i])
        assert (type(label), label) == (int, labels[i])
        assert np.array_equal(scorer.responsibilities(row), shares[i])


def test_row_scorer_takes_any_row(mixture: gaussmix.Mixture) -> None:
    scorer = mixture.row_scorer()
    expected = scorer.log_prob(np.array([1.0, 2.0, 3.0, 4.0]))
    table = np.zeros((4, 3))
    table[::-1, 1] = [1, 2, 3, 4]
    for row in ([1, 2, 3, 4], np.array([1, 2, 3, 4], "f4"), np.array([1, 2, 3, 4], ">i2"), table[::-1, 1]):
        assert scorer.log_prob(row) == expected
    with pytest.raises(InvalidArgumentError, match=r"x must be 1-D.*has shape \(1, 4\)"):
        scorer.log_prob([[1, 2, 3, 4]])
    with pytest.raises(InvalidArgumentError, match="3"):
        scorer.predict([1, 2, 3])
    with pytest.raises(InvalidArgumentError, match=r"x\[2\] must be finite, but is nan"):
        scorer.responsibilities([1, 2, np.nan, 4])


def test_a_row_scorer_outlives_its_mixture(make_mixture: MakeMixture) -> None:
    scorer = make_mixture().row_scorer()
    gc.collect()
    assert scorer.log_prob(X[0]) == make_mixture().log_prob(X[:1])[0]


def test_threads_may_share_a_row_scorer(mixture: gaussmix.Mixture) -> None:
    scorer, expected = mixture.row_scorer(), mixture.log_prob(X).tolist()
    with ThreadPoolExecutor(4) as pool:
        for values in pool.map(lambda _: [scorer.log_prob(row) for row in X], range(40)):
            assert values == expected
