# cmake -DSOURCE=<root of gaussmix> -DPARENT=<folder> -DBINARY=<folder> -DCXX=<compiler> -DOPTIONS=<option>;... -P check_parent.cmake
#
# An application that names no build type brings gaussmix in: our sources are optimized all the same, and nothing of ours is
# installed unless the application asks for it. Its nlohmann/json may be a CMake package, and of 3.11.2.
file(REMOVE_RECURSE ${BINARY})

# configure(<option>...)
function(configure)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${PARENT} -B ${BINARY} -DGAUSSMIX_SOURCE=${SOURCE} -DLANGUAGES=CXX
                          -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_BUILD_TYPE= ${OPTIONS} ${ARGN}
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# ours_without(<variable> <flag>): how many of the commands that compile our sources lack the flag, a regular expression
function(ours_without variable flag)
  file(STRINGS ${BINARY}/compile_commands.json ours REGEX "\"command\": .*/cpp/src/")
  list(LENGTH ours n)
  list(FILTER ours EXCLUDE REGEX "${flag}")
  list(LENGTH ours without)
  if(n LESS 20)
    message(FATAL_ERROR "${n} commands of our sources: too few to show anything")
  endif()
  set(${variable} ${without} PARENT_SCOPE)
endfunction()

configure()
ours_without(n " -O[23] ")
if(NOT n EQUAL 0)
  message(FATAL_ERROR "${n} sources are not optimized where the application names no build type")
endif()
if(EXISTS ${BINARY}/gaussmix/cpp/gaussmixConfig.cmake)
  message(FATAL_ERROR "an application's installation would hold gaussmix, unasked")
endif()

configure(-DGAUSSMIX_INSTALL=ON)
if(NOT EXISTS ${BINARY}/gaussmix/cpp/gaussmixConfig.cmake)
  message(FATAL_ERROR "GAUSSMIX_INSTALL=ON of an application has no effect")
endif()

configure(-DCMAKE_CXX_FLAGS=-Og) # the application's own word; kernels are always optimized
ours_without(n "kernels_|-Og [^\"]*-c ")
if(NOT n EQUAL 0)
  message(FATAL_ERROR "${n} sources do not take the application's flags")
endif()
ours_without(n " -O2 ")
if(n EQUAL 0)
  message(FATAL_ERROR "the application's -Og is overruled")
endif()

# json_of_version(<variable> <version>): whether we take an nlohmann/json of this version that find_package finds
function(json_of_version variable version)
  set(json ${BINARY}/json_${version})
  file(WRITE ${json}/include/nlohmann/json.hpp "// |  |  |__   |  |  | | | |  version ${version}\n")
  file(WRITE ${json}/nlohmann_jsonConfig.cmake "
    add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)
    set_target_properties(nlohmann_json::nlohmann_json PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${json}/include)\n")
  list(FILTER OPTIONS EXCLUDE REGEX GAUSSMIX_JSON)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${PARENT} -B ${json}/build -DGAUSSMIX_SOURCE=${SOURCE} -DLANGUAGES=CXX
                          -DCMAKE_CXX_COMPILER=${CXX} ${OPTIONS} -Dnlohmann_json_DIR=${json}
                  OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  message("${output}${errors}")
  string(FIND "${output}" "nlohmann/json ${version} from ${json}/include\n" taken)
  string(FIND "${errors}" "needs nlohmann/json >= 3.11.2, but" refused)
  if(taken EQUAL -1 AND refused EQUAL -1)
    message(FATAL_ERROR "nlohmann/json ${version} is neither taken nor refused")
  endif()
  set(${variable} ${taken} PARENT_SCOPE)
endfunction()

json_of_version(older 3.11.1)
json_of_version(oldest 3.11.2)
if(NOT older EQUAL -1 OR oldest EQUAL -1)
  message(FATAL_ERROR "nlohmann/json must be taken from 3.11.2 on")
endif()
