if(NOT CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  message(FATAL_ERROR "gaussmix needs g++ or clang++ (its kernels are written with their vector types), "
                      "but the compiler is ${CMAKE_CXX_COMPILER_ID}")
endif()

if(GAUSSMIX_SANITIZE)
  add_compile_options(-fsanitize=${GAUSSMIX_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1) # lines; more takes twice as long
  add_link_options(-fsanitize=${GAUSSMIX_SANITIZE})
endif()

if(GAUSSMIX_BUILD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "GAUSSMIX_BUILD_FUZZ needs clang++, but the compiler is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link) # what a fuzzer sees of the code that it has reached
endif()

# An application that names no build type, nor a level of optimization in its flags, means no -O0 for us.
set(GAUSSMIX_OPTIMIZE "")
if(NOT CMAKE_CXX_FLAGS MATCHES "(^| )-O")
  set(GAUSSMIX_OPTIMIZE $<$<NOT:$<BOOL:$<CONFIG>>>:-O2>)
endif()

# C++17 and warnings, for every target of ours. Warnings are errors for developers only, so that a newer compiler never
# stops a user's build.
function(gaussmix_compile_rules target)
  target_compile_features(${target} PRIVATE cxx_std_17)
  target_compile_options(${target} PRIVATE ${GAUSSMIX_OPTIMIZE}
                         -Wall -Wextra -Wpedantic -Wconversion $<$<BOOL:${GAUSSMIX_DEVELOPER}>:-Werror>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# C99 as the standard has it, and the same warnings, for the C programs among the tests.
function(gaussmix_c_compile_rules target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion $<$<BOOL:${GAUSSMIX_DEVELOPER}>:-Werror>)
  set_target_properties(${target} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
endfunction()

# Another project's headers for one source, without their warnings. A folder in which the compiler looks by itself is
# not named: named, it would go before the standard library's, whose headers then miss those of C.
function(gaussmix_include_as_system source folder)
  if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS "-isystem;${folder}")
  endif()
endfunction()

# Floating point as written: a value that is tested for NaN stays tested whatever flags a user adds, and no multiply-add
# is fused behind our back, so that every platform computes the same bits outside the kernels.
set(GAUSSMIX_STRICT_FLOATS -fno-fast-math -ffp-contract=off)
