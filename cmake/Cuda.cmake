# The sources of src/backend/cuda, compiled twice: unchanged by the host's compiler against the emulated runtime (pp_mock, always),
# and by nvcc where a toolkit is found (PP_CUDA_OBJECTS). The runtime is linked dynamically and looks for a driver when it is first
# called, so that the program starts where there is none.
option(PP_CUDA "build the cuda back end where a CUDA toolkit is found" ON)
set(PP_CUDA_ARCHITECTURES "90" CACHE STRING "compute capabilities, such as 80;90; the last one as PTX too")

file(GLOB pp_cuda_sources CONFIGURE_DEPENDS src/backend/cuda/*.cu)
set(pp_mock_wrappers)
foreach(source IN LISTS pp_cuda_sources)
  get_filename_component(name ${source} NAME_WE)
  set(wrapper ${PROJECT_BINARY_DIR}/generated/mock_${name}.cpp)
  file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"backend/cuda/${name}.cu\"\n" @ONLY)
  list(APPEND pp_mock_wrappers ${wrapper})
endforeach()
add_library(pp_mock OBJECT ${pp_mock_wrappers})
target_include_directories(pp_mock PRIVATE src/backend/mock/include include src)
target_compile_definitions(pp_mock PRIVATE PP_DEVICE=pp_mock)
target_link_libraries(pp_mock PRIVATE polyptych_warnings)
set_target_properties(pp_mock PROPERTIES POSITION_INDEPENDENT_CODE ON)

set(PP_CUDA_OBJECTS)
if(PP_CUDA)
  find_package(CUDAToolkit QUIET)
endif()
if(CUDAToolkit_FOUND)
  find_path(PP_NCCL_INCLUDE nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_library(PP_NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR})
endif()
set(pp_cuda_libraries stdc++) # C programs link the mock objects too
if(PP_CUDA AND CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE AND TARGET CUDA::cufft AND PP_NCCL_LIBRARY AND PP_NCCL_INCLUDE)
  message(STATUS "CUDA ${CUDAToolkit_VERSION}: cuda back end for ${PP_CUDA_ARCHITECTURES}")
  set(flags -std=c++17 -O3 -Werror all-warnings
            -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra,-Wshadow -DPP_DEVICE=pp_cuda
            -I${PP_NCCL_INCLUDE} -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/src)
  set(lto_flags ${flags})
  foreach(a IN LISTS PP_CUDA_ARCHITECTURES)
    list(APPEND flags -gencode arch=compute_${a},code=sm_${a})
    list(APPEND lto_flags -gencode arch=compute_${a},code=lto_${a})
  endforeach()
  list(GET PP_CUDA_ARCHITECTURES -1 last)
  list(APPEND flags -gencode arch=compute_${last},code=compute_${last})
  foreach(source IN LISTS pp_cuda_sources)
    get_filename_component(name ${source} NAME_WE)
    set(object ${PROJECT_BINARY_DIR}/cuda_${name}.o)
    add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d VERBATIM
        COMMAND ${CMAKE_C_COMPILER_LAUNCHER} ${CUDAToolkit_NVCC_EXECUTABLE} ${flags} -MD -MF ${object}.d -c ${source} -o ${object}
        COMMENT "nvcc ${name}.cu")
    list(APPEND PP_CUDA_OBJECTS ${object})
  endforeach()
  # cuFFT's callbacks: an image of LTO-IR each, assembled into one object as pp_image_NAME to pp_image_NAME_end. cuFFT links them into its
  # kernels when a plan is made, with libnvJitLink, which it looks for itself. The linker wants images at multiples of 16 bytes.
  file(GLOB pp_callback_sources CONFIGURE_DEPENDS src/backend/cuda/callbacks/*.cu)
  set(pp_images)
  set(text "# Made by cmake/Cuda.cmake.\n.section .rodata\n")
  foreach(source IN LISTS pp_callback_sources)
    get_filename_component(name ${source} NAME_WE)
    set(image ${PROJECT_BINARY_DIR}/cuda_${name}.fatbin)
    add_custom_command(OUTPUT ${image} DEPENDS ${source} DEPFILE ${image}.d VERBATIM
        COMMAND ${CUDAToolkit_NVCC_EXECUTABLE} ${lto_flags} -MD -MF ${image}.d -dc -fatbin ${source} -o ${image}
        COMMENT "nvcc ${name}.cu, LTO-IR")
    list(APPEND pp_images ${image})
    string(APPEND text ".balign 64\n.globl pp_image_${name}\n.hidden pp_image_${name}\npp_image_${name}:\n.incbin \"${image}\"\n"
        ".globl pp_image_${name}_end\n.hidden pp_image_${name}_end\npp_image_${name}_end:\n.byte 0\n")
  endforeach()
  string(APPEND text ".section .note.GNU-stack,\"\",%progbits\n")
  set(object ${PROJECT_BINARY_DIR}/cuda_images.o)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/cuda_images.s CONTENT "${text}" @ONLY)
  add_custom_command(OUTPUT ${object} DEPENDS ${pp_images} ${PROJECT_BINARY_DIR}/generated/cuda_images.s VERBATIM
      COMMAND ${CMAKE_C_COMPILER} -c ${PROJECT_BINARY_DIR}/generated/cuda_images.s -o ${object}
      COMMENT "callbacks of cuFFT")
  list(APPEND PP_CUDA_OBJECTS ${object})
  add_custom_target(pp_cuda_objects DEPENDS ${PP_CUDA_OBJECTS}) # made once, used by two targets
  set_source_files_properties(src/backend/backend.c PROPERTIES COMPILE_DEFINITIONS PP_HAVE_CUDA)
  set_source_files_properties(${PP_CUDA_OBJECTS} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set(pp_cuda_libraries $<LINK_ONLY:CUDA::cudart> $<LINK_ONLY:CUDA::cufft> ${PP_NCCL_LIBRARY} stdc++)
else()
  message(STATUS "no CUDA toolkit (nvcc, cuFFT, NCCL): built without the cuda back end")
endif()
