# Install rules: program, library, headers, CMake package, pkg-config file.
install(TARGETS polyptych libpolyptych EXPORT polyptych-targets
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/polyptych DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
