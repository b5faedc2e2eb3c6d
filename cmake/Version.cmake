# generated/version.h: made at every build, so that the git id is right; rewritten only when it changes.
find_package(Git QUIET)
set(pp_version_header ${PROJECT_BINARY_DIR}/generated/version.h)
set(pp_version_command ${CMAKE_COMMAND} -DHEADER=${pp_version_header} -DVERSION=${PROJECT_VERSION}
    -DSOURCE=${PROJECT_SOURCE_DIR} -DGIT=${GIT_EXECUTABLE} -DBUILD=${CMAKE_BUILD_TYPE}
    "-DCOMPILER=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
    -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake)
execute_process(COMMAND ${pp_version_command})
add_custom_target(pp_version COMMAND ${pp_version_command} BYPRODUCTS ${pp_version_header})
set(pp_generated ${pp_version_header})
