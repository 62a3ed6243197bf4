#pragma once

#include "base/message.hpp"

#include <cstddef>
#include <string>
#include <vector>

// Enumerations and the texts that stand for their values: of each there is a table.

namespace gaussmix::detail {

template <class E>
struct EnumName {
  E value;
  const char* name;
};

/// "" for a value outside the enumeration.
template <class E, std::size_t N>
const char* name_of(E value, const EnumName<E> (&table)[N]) noexcept {
  for (const EnumName<E>& row : table)
    if (row.value == value) return row.name;
  return "";
}

/// The inverse of name_of. @throws InvalidArgument, which calls it `what` and lists the table, for any other text
template <class E, std::size_t N>
E value_named(const std::string& name, const EnumName<E> (&table)[N], const char* what) {
  std::vector<std::string> names;
  for (const EnumName<E>& row : table) {
    if (name == row.name) return row.value;
    names.push_back(row.name);
  }
  throw_invalid(std::string(what) + " must be " + alternatives(names) + ", but is '" + name + "'");
}

/// Throws InvalidArgument, which calls it `name`, for a value outside its enumeration: it has no name.
template <class E>
void check_enumerator(E value, const char* name) {
  if (*to_string(value) == '\0')
    throw_invalid(std::string(name) + " must be one of its enumeration, but is " +
                  std::to_string(static_cast<int>(value)));
}

}  // namespace gaussmix::detail
