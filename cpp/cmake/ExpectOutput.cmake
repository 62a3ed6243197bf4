# Runs a program and fails unless it ends with the status and prints the texts that are expected:
#   cmake "-DCOMMAND=<program>;<argument>..." -DOUTPUT=<regex> [-DERRORS=<regex>] [-DSTATUS=<status>] [-DINPUT=<file>]
#     -P ExpectOutput.cmake
# ERRORS is of the standard error stream; STATUS is 0 by default; the program reads INPUT.

if(NOT DEFINED STATUS)
  set(STATUS 0)
endif()
if(DEFINED INPUT)
  set(input INPUT_FILE ${INPUT})
endif()

execute_process(COMMAND ${COMMAND} ${input} OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
message("${output}${errors}")
if(NOT status STREQUAL STATUS)
  message(FATAL_ERROR "the status must be ${STATUS}, but is ${status}")
endif()
if(NOT output MATCHES "${OUTPUT}")
  message(FATAL_ERROR "the output must match '${OUTPUT}', but does not")
endif()
if(NOT errors MATCHES "${ERRORS}")
  message(FATAL_ERROR "the error stream must match '${ERRORS}', but does not")
endif()
