#include "model/covariance_type.hpp"

#include "base/message.hpp"

#include <algorithm>
#include <iterator>

namespace gaussmix {
namespace {

using detail::CovarianceShape;
using detail::CovarianceTypeInfo;

constexpr CovarianceTypeInfo table[] = {
    {CovarianceType::full, 0, "full", {CovarianceShape::matrix, false}},
    {CovarianceType::tied, 1, "tied", {CovarianceShape::matrix, true}},
    {CovarianceType::diag, 2, "diag", {CovarianceShape::diagonal, false}},
    {CovarianceType::spherical, 3, "spherical", {CovarianceShape::spherical, false}},
    {CovarianceType::tied_diag, 4, "tied_diag", {CovarianceShape::diagonal, true}},
    {CovarianceType::tied_spherical, 5, "tied_spherical", {CovarianceShape::spherical, true}},
};

template <class Predicate>
const CovarianceTypeInfo* find(Predicate is_wanted) noexcept {
  const CovarianceTypeInfo* found = std::find_if(std::begin(table), std::end(table), is_wanted);
  return found == std::end(table) ? nullptr : found;
}

}  // namespace

const CovarianceTypeInfo* detail::find_covariance_type(CovarianceType type) noexcept {
  return find([type](const CovarianceTypeInfo& row) { return row.type == type; });
}

const CovarianceTypeInfo* detail::find_covariance_type(std::uint64_t number) noexcept {
  return find([number](const CovarianceTypeInfo& row) { return row.number == number; });
}

std::string detail::covariance_type_names() {
  std::vector<std::string> names;
  for (const CovarianceTypeInfo& row : table) names.push_back(row.name);
  return alternatives(names);
}

const detail::CovarianceLayout& detail::layout_of(CovarianceType type) {
  if (const CovarianceTypeInfo* row = find_covariance_type(type)) return row->layout;
  throw_invalid("covariance_type must be one of its enumeration, but is " + std::to_string(static_cast<int>(type)));
}

std::vector<CovarianceType> covariance_types() {
  std::vector<CovarianceType> types;
  for (const CovarianceTypeInfo& row : table) types.push_back(row.type);
  return types;
}

std::vector<Index> covariance_shape(CovarianceType type, Index n_components, Index n_features) {
  return detail::layout_of(type).dims(n_components, n_features);
}

const char* to_string(CovarianceType type) noexcept {
  const CovarianceTypeInfo* row = detail::find_covariance_type(type);
  return row ? row->name : "";
}

CovarianceType covariance_type_from_string(const std::string& name) {
  const CovarianceTypeInfo* row = find([&name](const CovarianceTypeInfo& r) { return name == r.name; });
  if (!row)
    detail::throw_invalid("covariance_type must be " + detail::covariance_type_names() + ", but is '" + name + "'");
  return row->type;
}

}  // namespace gaussmix
