#pragma once

// Where the elements of a caller's view lie in memory. Every view is checked by the functions of this file before it is
// read or written.

#include <gaussmix/views.hpp>

namespace gaussmix::detail {

/// The elements of a view, whatever their type; a vector has one column. Strides count elements, as in the view.
struct Elements {
  template <class T>
  Elements(const VectorView<T>& v) noexcept
      : data(v.data()),
        rows(v.size()),
        row_stride(v.stride()),
        size(sizeof(T)),
        alignment(alignof(T)),
        is_vector(true) {}
  template <class T>
  Elements(const MatrixView<T>& m) noexcept
      : data(m.data()),
        rows(m.rows()),
        row_stride(m.row_stride()),
        cols(m.cols()),
        col_stride(m.col_stride()),
        size(sizeof(T)),
        alignment(alignof(T)) {}

  const void* data;
  Index rows, row_stride;
  Index cols = 1, col_stride = 0;
  Index size, alignment;  ///< of one element, in bytes
  bool is_vector = false;
};

/// The elements of an X that is read in place. An X made of an empty Reader counts as one without data.
Elements elements_of(const Samples& x);

/// Throws InvalidArgument for data that do not lie at a multiple of `alignment` bytes.
void check_alignment(const char* name, const void* data, Index alignment);

/// Throws InvalidArgument unless what is to be read has data, is aligned and lies within the address space. Strides are
/// otherwise free, and may be 0; a view without elements is always legal.
void check_input(const char* name, const Elements& elements);

/// As check_input, for what is to be written: besides, no two of its elements may share memory.
void check_output(const char* name, const Elements& elements);

/// Throws InvalidArgument when an output shares memory with something else that the same call reads or writes; both
/// must have been checked. Exact where the two stand side by side or as columns of one table; other layouts that
/// interleave count as sharing.
void check_apart(const char* name, const Elements& output, const char* other_name, const Elements& other);

}  // namespace gaussmix::detail
