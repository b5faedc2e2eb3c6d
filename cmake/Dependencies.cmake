# Debian's packages, one interface target.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(MPI REQUIRED COMPONENTS C)
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(PNG REQUIRED)
pkg_check_modules(CONFIG REQUIRED IMPORTED_TARGET libconfig)
pkg_check_modules(FFTWF REQUIRED IMPORTED_TARGET fftw3f)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)

add_library(polyptych_dependencies INTERFACE)
target_link_libraries(polyptych_dependencies INTERFACE
    polyptych_warnings Threads::Threads OpenMP::OpenMP_C MPI::MPI_C hdf5::hdf5 PNG::PNG
    PkgConfig::CONFIG PkgConfig::FFTWF PkgConfig::JANSSON PkgConfig::XXHASH PkgConfig::HWLOC
    ${CMAKE_DL_LIBS} m)
target_compile_definitions(polyptych_dependencies INTERFACE _DEFAULT_SOURCE)
