# find_package(chuantou), pkg-config, and the programs.
include(CMakePackageConfigHelpers)

install(TARGETS chuantou EXPORT chuantouTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/chuantou DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT chuantouTargets NAMESPACE chuantou:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/chuantou)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/chuantouConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/chuantouConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/chuantou)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/chuantouConfigVersion.cmake COMPATIBILITY SameMinorVersion)
# Relative to the file itself, so that `cmake --install --prefix` elsewhere works too.
file(RELATIVE_PATH CHUANTOU_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/chuantou.pc.in ${PROJECT_BINARY_DIR}/chuantou.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/chuantouConfig.cmake ${PROJECT_BINARY_DIR}/chuantouConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/chuantou)
install(FILES ${PROJECT_BINARY_DIR}/chuantou.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
