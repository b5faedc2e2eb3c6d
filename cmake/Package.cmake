# Install rules: program, library, headers, CMake package, pkg-config file.
install(TARGETS polyptych libpolyptych EXPORT polyptych-targets
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/polyptych DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(pp_plugin_folder ${CMAKE_INSTALL_FULL_LIBDIR}/polyptych/plugins-1)
set_source_files_properties(plugin/loader.c PROPERTIES COMPILE_DEFINITIONS
                            PP_PLUGIN_FOLDER="${pp_plugin_folder}")
