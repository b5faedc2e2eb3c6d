# Install rules: program, library, headers, CMake package (polyptych::polyptych), pkg-config file. Public dependencies: none, the
# headers need C only.
include(CMakePackageConfigHelpers)
install(TARGETS polyptych RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS libpolyptych EXPORT polyptych-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/polyptych DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(pp_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/polyptych)
set(pp_plugin_folder ${CMAKE_INSTALL_FULL_LIBDIR}/polyptych/plugins-1)
set_source_files_properties(plugin/loader.c PROPERTIES COMPILE_DEFINITIONS
                            PP_PLUGIN_FOLDER="${pp_plugin_folder}")
install(EXPORT polyptych-targets NAMESPACE polyptych:: DESTINATION ${pp_package_folder})
configure_package_config_file(cmake/polyptychConfig.cmake.in ${PROJECT_BINARY_DIR}/polyptychConfig.cmake
    INSTALL_DESTINATION ${pp_package_folder} PATH_VARS CMAKE_INSTALL_INCLUDEDIR pp_plugin_folder)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/polyptychConfigVersion.cmake
                                 COMPATIBILITY SameMajorVersion)
configure_file(cmake/polyptych.pc.in ${PROJECT_BINARY_DIR}/polyptych.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/polyptychConfig.cmake
              ${PROJECT_BINARY_DIR}/polyptychConfigVersion.cmake DESTINATION ${pp_package_folder})
install(FILES ${PROJECT_BINARY_DIR}/polyptych.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
