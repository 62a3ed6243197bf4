#pragma once

/// gaussmix.h: the C ABI, for C99 and for every language that calls C.
///
/// Status    Every function that can fail returns GAUSSMIX_OK or an error, of which gaussmix_last_error() then says
///           what went wrong. No exception crosses this border; after an error every handle is as it was.
/// Handles   are opaque. What a function makes, its last argument receives (NULL on an error) and its ..._free gives
///           back, in any order. A mixture is immutable: any number of threads may use it at once. Row scorers and
///           statistics hold scratch and sums: one thread at a time each. A handle must not be used after it is freed:
///           that is undefined behavior, and the errors that often tell of it are no protection.
/// Arrays    belong to the caller and are read or written in place, never kept. Sizes are in elements, strides too; any
///           stride is legal, but elements are aligned and lie within the address space, and none of an output shares
///           memory with another one of the call. Outputs may stand beside or between the columns of X in one table;
///           layouts that interleave in another way are refused. Arrays without a stride are contiguous, row-major.
/// Structs   begin with struct_size, their sizeof in the caller's header: later versions add members at the end. What a
///           caller's header lacks stands for 0. A library that does not know a member refuses it unless its bytes are
///           0, and sets it to 0 in what it fills. No struct has more than 4096 bytes.
/// Memory    A lack of it is a status, GAUSSMIX_ERROR_OUT_OF_MEMORY, and leaves everything as it was; but an OpenMP
///           runtime that finds none for its threads ends the process. With num_threads 1, or
///           gaussmix_set_num_threads(1) for calls without an execution, there are no threads to start.
///
/// N rows, D features, K components. Values and rules are those of the C++ headers, bit for bit.

#include <gaussmix/em.h>
#include <gaussmix/export.h>
#include <gaussmix/fit.h>
#include <gaussmix/init.h>
#include <gaussmix/mixture.h>
#include <gaussmix/runtime.h>
#include <gaussmix/score.h>
#include <gaussmix/statistics.h>
