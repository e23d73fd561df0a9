# cmake -DBUILD= -DSOURCE= -DC_COMPILER= -DCXX_COMPILER= -DLIBDIR= -P test_install.cmake
# Installs to an empty prefix, moves it (nothing may depend on the place), and builds and runs the
# examples with find_package, and with pkg-config against the static and the shared library.
set(work ${BUILD}/test_install)
set(prefix ${work}/moved)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
file(RENAME ${work}/prefix ${prefix})

# 1. CMake
run(${CMAKE_COMMAND} -S ${SOURCE}/examples -B ${work}/cmake -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER} -DCMAKE_BUILD_TYPE=Debug)
run(${CMAKE_COMMAND} --build ${work}/cmake)
foreach(example echo_server framed_client two_stacks custom_link)
  run(${work}/cmake/${example})
endforeach()

# 2. pkg-config
find_program(PKG_CONFIG pkg-config REQUIRED)
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run(${PKG_CONFIG} --cflags --libs sockeye)
string(STRIP "${output}" flags)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${CXX_COMPILER} -std=c++20 ${SOURCE}/examples/framed_client.cpp -o ${work}/shared_framed ${flags}
    -Wl,-rpath,${prefix}/${LIBDIR})
run(${work}/shared_framed)
run(${C_COMPILER} -std=c11 ${SOURCE}/examples/echo_server.c -o ${work}/shared_echo ${flags}
    -Wl,-rpath,${prefix}/${LIBDIR})
run(${work}/shared_echo)
run(${PKG_CONFIG} --static --cflags --libs sockeye)
string(STRIP "${output}" flags)
string(REPLACE "-lsockeye" "-l:libsockeye.a" flags "${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${C_COMPILER} -std=c11 ${SOURCE}/examples/echo_server.c -o ${work}/static_echo ${flags} -lm)
run(${work}/static_echo)
message("installed, moved, and used with CMake and pkg-config")
