# cmake -DPKG_CONFIG=<program> -DSTAGE=<prefix> -DLIBDIR=<folder in it> -DVERSION=<expected> -DC_COMPILER=<compiler>
#       -DCXX_COMPILER=<compiler> -DPROGRAMS=<folder of main.c and main.cpp> -DBINARY=<folder> -P check_pkg_config.cmake
#
# An installation that has been moved since is found by pkg-config, and programs in C and C++ are built by the flags that it prints, with
# --static and without.
file(REMOVE_RECURSE ${BINARY})
file(COPY ${STAGE}/ DESTINATION ${BINARY}/moved)
set(ENV{PKG_CONFIG_PATH} ${BINARY}/moved/${LIBDIR}/pkgconfig)
set(ENV{LD_LIBRARY_PATH} ${BINARY}/moved/${LIBDIR})

# pkg_config(<variable> <option>...): what it prints
function(pkg_config variable)
  execute_process(COMMAND ${PKG_CONFIG} ${ARGN} gaussmix OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} "${output}" PARENT_SCOPE)
endfunction()

# build_and_run(<compiler> <source> <standard> <option of pkg-config>...)
function(build_and_run compiler source standard)
  pkg_config(flags --cflags --libs ${ARGN})
  message("${source}: ${flags}")
  separate_arguments(flags UNIX_COMMAND "${flags}")
  execute_process(COMMAND ${compiler} -std=${standard} "-DEXPECTED_VERSION=\"${VERSION}\"" ${PROGRAMS}/${source} ${flags} -lm -o ${BINARY}/program
                  COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${BINARY}/program COMMAND_ERROR_IS_FATAL ANY)
endfunction()

pkg_config(version --modversion)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "the version must be ${VERSION}, but is ${version}")
endif()
foreach(static IN ITEMS "" --static)
  build_and_run(${C_COMPILER} main.c c99 ${static})
  build_and_run(${CXX_COMPILER} main.cpp c++17 ${static})
endforeach()
