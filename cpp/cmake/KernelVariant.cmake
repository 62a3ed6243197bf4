# gaussmix_add_kernel_variant(<isa> [PROCESSOR <regex>] [FLAGS <flag>...])
#
# Compiles cpp/src/simd/isa/kernels_<isa>.cpp into gaussmix, once per instruction set. The flags and the namespace
# GAUSSMIX_ISA are set here together, so they cannot part: two variants never hold the same symbol, and the linker never
# merges code of one instruction set into another. Does nothing where the processor is another one, or there is no such
# source.
#
# Kernels are always optimized (unoptimized ones leave weak copies of inline functions behind), and stay
# out of link-time optimization, unity builds and precompiled headers, all of which would mix their code with the
# library's.
function(gaussmix_add_kernel_variant isa)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PROCESSOR" "FLAGS")
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/src/simd/isa/kernels_${isa}.cpp)
  if(NOT EXISTS ${source} OR (arg_PROCESSOR AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "${arg_PROCESSOR}"))
    return()
  endif()

  # The sanitizers' checks in code that is all inlined take minutes and gigabytes to compile at -O3.
  set(optimize -O3)
  if(GAUSSMIX_SANITIZE)
    set(optimize -O1)
  endif()

  set(target gaussmix_kernels_${isa})
  add_library(${target} OBJECT ${source})
  gaussmix_compile_rules(${target})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_compile_definitions(${target} PRIVATE GAUSSMIX_ISA=${isa})
  target_compile_options(${target} PRIVATE ${optimize} -fno-fast-math -ffp-contract=off -fno-math-errno -fno-trapping-math
                                           -fno-exceptions -fno-rtti -fno-lto ${arg_FLAGS})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON INTERPROCEDURAL_OPTIMIZATION OFF
                                             UNITY_BUILD OFF DISABLE_PRECOMPILE_HEADERS ON)

  string(TOUPPER ${isa} upper)
  target_sources(gaussmix PRIVATE $<TARGET_OBJECTS:${target}>)
  target_compile_definitions(gaussmix PRIVATE GAUSSMIX_HAVE_${upper})
  set_property(TARGET gaussmix APPEND PROPERTY GAUSSMIX_SIMD_LEVELS ${isa})
endfunction()
