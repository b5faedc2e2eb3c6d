set(id "unknown")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --dirty --abbrev=12
                  OUTPUT_VARIABLE id OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
  if(NOT rc EQUAL 0)
    set(id "unknown")
  endif()
endif()
set(text "/* Made by cmake/write_version.cmake. */
#define PP_VERSION \"${VERSION}\"
#define PP_GIT_ID \"${id}\"
#define PP_COMPILER \"${COMPILER}\"
#define PP_BUILD_TYPE \"${BUILD}\"
")
set(old "")
if(EXISTS ${HEADER})
  file(READ ${HEADER} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${HEADER} "${text}")
endif()
