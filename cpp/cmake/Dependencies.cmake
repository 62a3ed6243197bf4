# Eigen is looked for on CMAKE_PREFIX_PATH (where a Python build puts its site-packages), in the active virtual
# environment, then in the system. The cmeel-eigen wheel hides its prefix one level below site-packages. No version
# stands in the call, because Eigen's own version file refuses ranges across major versions.
file(GLOB venv_packages "$ENV{VIRTUAL_ENV}/lib/python3*/site-packages")
find_package(Eigen3 CONFIG REQUIRED HINTS ${venv_packages} PATH_SUFFIXES cmeel.prefix/share/eigen3/cmake)
if(Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "gaussmix needs Eigen >= 3.4, but ${Eigen3_DIR} is ${Eigen3_VERSION}")
endif()
get_target_property(GAUSSMIX_EIGEN_INCLUDE_DIR Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
message(STATUS "gaussmix: Eigen ${Eigen3_VERSION} from ${Eigen3_DIR}")

# nlohmann/json is looked for in the same places, unless the application has brought it in or says where its CMake
# package is. Its wheel holds headers and no such package, so the version is read from the header's own banner.
if(NOT TARGET nlohmann_json::nlohmann_json AND NOT nlohmann_json_DIR)
  find_path(GAUSSMIX_JSON_INCLUDE_DIR nlohmann/json.hpp HINTS ${CMAKE_PREFIX_PATH} ${venv_packages}
            PATH_SUFFIXES nlohmann_json/include)
endif()
if(NOT GAUSSMIX_JSON_INCLUDE_DIR)
  find_package(nlohmann_json CONFIG QUIET)
  if(NOT TARGET nlohmann_json::nlohmann_json)
    message(FATAL_ERROR "gaussmix needs nlohmann/json >= 3.11.2, which is not found: apt install nlohmann-json3-dev, or "
                        "pip install nlohmann-json, or set nlohmann_json_DIR to the folder of nlohmann_jsonConfig.cmake")
  endif()
  get_target_property(json_folders nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
  string(REGEX REPLACE "\\$<BUILD_INTERFACE:([^>]*)>" "\\1" json_folders "${json_folders}") # of a source tree
  find_path(GAUSSMIX_JSON_INCLUDE_DIR nlohmann/json.hpp PATHS ${json_folders} NO_DEFAULT_PATH REQUIRED)
endif()
file(STRINGS ${GAUSSMIX_JSON_INCLUDE_DIR}/nlohmann/json.hpp json_banner REGEX "version [0-9.]+" LIMIT_COUNT 1)
string(REGEX REPLACE ".*version ([0-9.]+).*" "\\1" GAUSSMIX_JSON_VERSION "${json_banner}")
if(GAUSSMIX_JSON_VERSION VERSION_LESS 3.11.2)
  message(FATAL_ERROR "gaussmix needs nlohmann/json >= 3.11.2, but ${GAUSSMIX_JSON_INCLUDE_DIR} is ${GAUSSMIX_JSON_VERSION}")
endif()
message(STATUS "gaussmix: nlohmann/json ${GAUSSMIX_JSON_VERSION} from ${GAUSSMIX_JSON_INCLUDE_DIR}")

if(GAUSSMIX_OPENMP)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()
