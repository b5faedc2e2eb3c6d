# Build type, language level, warnings and sanitizers.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endif()

option(PP_WERROR "warnings are errors" OFF)
set(PP_SANITIZE "" CACHE STRING "address,undefined or thread")

add_library(polyptych_warnings INTERFACE)
target_compile_options(polyptych_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
                            -Wmissing-prototypes -Wcast-qual -Wvla>
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual>
    $<$<AND:$<BOOL:${PP_WERROR}>,$<COMPILE_LANGUAGE:C,CXX>>:-Werror>)
if(PP_SANITIZE)
  add_compile_options(-fsanitize=${PP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PP_SANITIZE})
endif()
# Sums keep their order and a * b + c is one rounding only where the source says so: the same bits from every compiler run.
add_compile_options(-ffp-contract=off -fno-math-errno)
