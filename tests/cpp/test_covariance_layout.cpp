// Where the values of covariances lie, against the shapes that the documentation gives.

#include "model/covariance_type.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/mixture.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace gaussmix;
using namespace gaussmix::detail;

namespace {

constexpr Index k = 3, d = 4;
using Dims = std::vector<Index>;

}  // namespace

TEST_CASE("the table holds the names, numbers and shapes that files and callers know") {
  struct Row {
    CovarianceType type;
    std::uint64_t number;
    std::string name;
    Dims dims;
    Index n_parameters;
  };
  const std::vector<Row> rows = {{CovarianceType::full, 0, "full", {k, d, d}, k * 10},
                                 {CovarianceType::tied, 1, "tied", {d, d}, 10},
                                 {CovarianceType::diag, 2, "diag", {k, d}, k * d},
                                 {CovarianceType::spherical, 3, "spherical", {k}, k},
                                 {CovarianceType::tied_diag, 4, "tied_diag", {d}, d},
                                 {CovarianceType::tied_spherical, 5, "tied_spherical", {1}, 1}};
  CHECK(covariance_types().size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].name);
    const CovarianceTypeInfo* found = find_covariance_type(rows[i].number);
    REQUIRE(found != nullptr);
    CHECK(found->type == rows[i].type);
    CHECK(covariance_types()[i] == rows[i].type);
    CHECK(to_string(rows[i].type) == rows[i].name);
    CHECK(covariance_type_from_string(rows[i].name) == rows[i].type);
    CHECK(covariance_shape(rows[i].type, k, d) == rows[i].dims);
    CHECK(found->layout.count(k) * found->layout.parameters_each(d) == rows[i].n_parameters);
  }
}

TEST_CASE("what is in no table has no layout") {
  CHECK(find_covariance_type(std::uint64_t{1000}) == nullptr);
  CHECK(find_covariance_type(static_cast<CovarianceType>(-1)) == nullptr);
  CHECK(std::string(to_string(static_cast<CovarianceType>(1000))).empty());
  CHECK_THROWS_AS(covariance_shape(static_cast<CovarianceType>(1000), k, d), InvalidArgument);
  CHECK_THROWS_WITH_AS(
      covariance_type_from_string("Full"),
      "covariance_type must be 'full', 'tied', 'diag', 'spherical', 'tied_diag' or 'tied_spherical', but is "
      "'Full'",
      InvalidArgument);
}

TEST_CASE("every position has its place, and variances stand on the diagonal") {
  for (const CovarianceShape shape : {CovarianceShape::matrix, CovarianceShape::diagonal, CovarianceShape::spherical})
    for (const bool shared : {false, true}) {
      const CovarianceLayout layout{shape, shared};
      const Dims dims = layout.dims(k, d);
      Index position = 0;
      // Counts through the indices as an odometer does.
      for (Dims at(dims.size()); position < layout.size(k, d, "sigma"); ++position) {
        std::string name = "sigma[" + std::to_string(at[0]);
        for (std::size_t i = 1; i < at.size(); ++i) name += ", " + std::to_string(at[i]);
        CHECK(layout.place("sigma", d, position) == name + "]");
        for (std::size_t i = at.size(); i-- > 0 && ++at[i] == dims[i];) at[i] = 0;
      }
      CHECK(position == layout.count(k) * layout.values_each(d));
      for (Index component = 0; component < k; ++component)
        for (Index feature = 0; feature < d; ++feature) {
          const Index c = shared ? 0 : component;
          const Index expected = shape == CovarianceShape::matrix     ? (c * d + feature) * d + feature
                                 : shape == CovarianceShape::diagonal ? c * d + feature
                                                                      : c;
          CHECK(layout.variance_at(component, feature, d) == expected);
        }
    }
}

TEST_CASE("sizes beyond the range of Index are an error") {
  const CovarianceLayout full{CovarianceShape::matrix, false};
  constexpr Index most = std::numeric_limits<Index>::max();
  CHECK_THROWS_AS(full.size(2, Index{1} << 32, "sigma"), InvalidArgument);
  CHECK_THROWS_AS(full.size(most, 2, "sigma"), InvalidArgument);
}
