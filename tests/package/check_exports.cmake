# cmake -DNM=<nm> -DLIBRARY=<shared library> -P check_exports.cmake
#
# The symbols that a shared library exports are ours alone: the C ABI, C++ of namespace gaussmix, and among that the types of the
# exceptions, by which they are caught outside.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${NM} -D --defined-only --format=posix ${LIBRARY} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" symbols "${symbols}")
list(TRANSFORM symbols REPLACE " .*" "")

foreach(expected IN ITEMS gaussmix_fit _ZTIN8gaussmix5ErrorE _ZTSN8gaussmix15InvalidArgumentE _ZTVN8gaussmix14NumericalErrorE
                          _ZN8gaussmix7versionEv)
  if(NOT expected IN_LIST symbols)
    message(SEND_ERROR "${expected} must be exported, but is not")
  endif()
endforeach()
list(FILTER symbols EXCLUDE REGEX "^(gaussmix_|_ZNK?8gaussmix|_ZT[ISV]N8gaussmix)")
list(LENGTH symbols n)
if(n GREATER 0)
  list(JOIN symbols "\n" symbols)
  message(SEND_ERROR "${n} symbols that are not ours are exported:\n${symbols}")
endif()
