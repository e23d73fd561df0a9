# Installing: one static library merged from the floors that an embedding program needs (core to
# drivers), the same as a shared library that exports the C face only, headers, a CMake package and a
# pkg-config file. Nothing in the installed files names the place they were built or installed for.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(installed_floors core wire packet link ip tcp udp icmp socket ready stack ring posix)

# The objects of the floors are used again, not compiled again.
set(installed_objects "")
foreach(floor IN LISTS installed_floors)
  if(TARGET sockeye_${floor})
    list(APPEND installed_objects $<TARGET_OBJECTS:sockeye_${floor}>)
  endif()
endforeach()
add_library(sockeye_clock OBJECT ${CMAKE_SOURCE_DIR}/src/drivers/monotonic_clock.cc
                                ${CMAKE_SOURCE_DIR}/src/drivers/threads.cc)

add_library(sockeye_static STATIC ${installed_objects} $<TARGET_OBJECTS:sockeye_clock>)
add_library(sockeye_shared SHARED ${installed_objects} $<TARGET_OBJECTS:sockeye_clock>)
foreach(library sockeye_static sockeye_shared)
  set_target_properties(${library} PROPERTIES OUTPUT_NAME sockeye LINKER_LANGUAGE CXX)
  target_include_directories(${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
set_target_properties(sockeye_static PROPERTIES EXPORT_NAME sockeye)
set_target_properties(sockeye_shared PROPERTIES EXPORT_NAME sockeye_shared VERSION ${PROJECT_VERSION}
                                                SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_link_options(sockeye_shared PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/sockeye.map)
set_target_properties(sockeye_shared PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/sockeye.map)

install(TARGETS sockeye_static sockeye_shared EXPORT sockeye ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/sockeye DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sockeye)
install(EXPORT sockeye NAMESPACE sockeye:: DESTINATION ${package_dir} FILE sockeyeTargets.cmake)
file(WRITE ${CMAKE_BINARY_DIR}/sockeyeConfig.cmake "include(\"\${CMAKE_CURRENT_LIST_DIR}/sockeyeTargets.cmake\")\n")
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sockeyeConfigVersion.cmake VERSION ${PROJECT_VERSION}
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/sockeyeConfig.cmake ${CMAKE_BINARY_DIR}/sockeyeConfigVersion.cmake
        DESTINATION ${package_dir})

# ${pcfiledir}/../.. is the prefix wherever the files are moved; with a multi-arch libdir it is one up.
string(REGEX REPLACE "[^/]+" ".." up_from_libdir ${CMAKE_INSTALL_LIBDIR})
configure_file(${CMAKE_SOURCE_DIR}/cmake/sockeye.pc.in ${CMAKE_BINARY_DIR}/sockeye.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/sockeye.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# A stranger's project: installed into an empty place, the examples built against it both ways and run.
if(SOCKEYE_TESTS AND NOT SOCKEYE_SANITIZE)
  add_test(NAME install/examples
           COMMAND ${CMAKE_COMMAND} -DBUILD=${CMAKE_BINARY_DIR} -DSOURCE=${CMAKE_SOURCE_DIR}
                   -DC_COMPILER=${CMAKE_C_COMPILER} -DCXX_COMPILER=${CMAKE_CXX_COMPILER}
                   -DLIBDIR=${CMAKE_INSTALL_LIBDIR} -P ${CMAKE_SOURCE_DIR}/cmake/test_install.cmake)
  set_tests_properties(install/examples PROPERTIES TIMEOUT 300)
endif()
