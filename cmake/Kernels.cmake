# Hot kernels: one source, compiled for several instruction sets, chosen at run time (src/backend/level.h). Contraction is free
# inside them: their sums have a fixed order, and the bits are the same for one level. The level's flags win over the build's.
# gcc contracts with "fast" only; clang's "on" keeps to single expressions, and comes closer to the reference's Poisson path.
set(pp_kernel_contract fast)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  set(pp_kernel_contract on)
endif()
set(pp_kernel_flags -O3 -ffp-contract=${pp_kernel_contract} -fno-math-errno -fno-trapping-math -fno-signed-zeros -Wno-psabi)
foreach(level 2 3 4)
  set(flags ${pp_kernel_flags})
  set(dot_flags -O3 -ffp-contract=off -Wno-psabi) # the same bits at all levels
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND flags -march=x86-64-v${level} -mprefer-vector-width=512)
    list(APPEND dot_flags -march=x86-64-v${level} -mprefer-vector-width=512)
  endif()
  set_source_files_properties(src/backend/cpu/fused_v${level}.c PROPERTIES COMPILE_OPTIONS "${flags}")
  set_source_files_properties(src/backend/cpu/dots_v${level}.c PROPERTIES COMPILE_OPTIONS "${dot_flags}")
endforeach()
