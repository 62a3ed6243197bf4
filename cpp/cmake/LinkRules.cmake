# Rules for shared objects: libgaussmix.so, the Python extension, and those into which others link the static library.
include(CheckLinkerFlag)
set(GAUSSMIX_EXPORTS ${PROJECT_SOURCE_DIR}/cpp/exports.map)
check_linker_flag(CXX LINKER:--version-script=${GAUSSMIX_EXPORTS} GAUSSMIX_HAS_VERSION_SCRIPT)
check_linker_flag(CXX LINKER:-z,nodelete GAUSSMIX_HAS_NODELETE)

# The target exports what is ours alone. Without it so would be what we instantiate of the standard library's templates,
# which are visible by their headers' own word.
function(gaussmix_export_rules target)
  if(GAUSSMIX_HAS_VERSION_SCRIPT)
    target_link_options(${target} PRIVATE LINKER:--version-script=${GAUSSMIX_EXPORTS})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${GAUSSMIX_EXPORTS})
  endif()
endfunction()

# A shared library, or the shared objects that a static one becomes part of, stay in memory after dlclose, and with them
# the OpenMP runtime: its threads, once started, sleep in its code until the process ends.
function(gaussmix_stay_loaded target)
  if(GAUSSMIX_HAS_NODELETE)
    get_target_property(type ${target} TYPE)
    set(scope INTERFACE)
    if(type STREQUAL "SHARED_LIBRARY")
      set(scope PRIVATE)
    endif()
    target_link_options(${target} ${scope} $<$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>>:LINKER:-z,nodelete>)
  endif()
endfunction()
