# Our CMake vocabulary. A room is one static library with its tests, fuzz targets and benchmarks beside it.
#
#   zc_room(mem DEPS zc_base NOUNS bytes chain FUZZ chain LIBS fmt::fmt)
#
# defines the target zc_mem (alias zc::mem) from every NOUN.cc that exists (a noun may be a header only),
# one test program from every NOUN_test.cc, one replayable fuzz target per name in FUZZ and one benchmark
# program per name in BENCH (NAME@2 where it starts threads of its own and wants two cores). DEPS are rooms, LIBS are foreign libraries. Rooms of the gateway say PREFIX gate.
#
# Rooms of zc are installed with the headers of their NOUNS (those in INTERNAL stay at home); zc_install(), called
# once after the last room, adds the umbrella zc::zc, the package configuration and the pkg-config file.

include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(Threads REQUIRED)

# Flags of our own sources. They belong to this folder and those below it, not to our targets, so neither a project
# that takes us in with add_subdirectory nor one that finds us installed compiles its own sources with them.
add_compile_options(
  -Wall -Wextra -Wshadow -Wold-style-cast -Wcast-qual -Wconversion -Wno-sign-conversion
  -fno-omit-frame-pointer)
if(ZC_WERROR)
  add_compile_options(-Werror)
endif()
if(ZC_SANITIZE)
  add_compile_options(-fsanitize=${ZC_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ZC_SANITIZE})
endif()
if(ZC_LIBFUZZER)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# A library without a package file of its own, as the imported target zc::NAME. The static one where there is one:
# sessions allocate and call a great deal, and a call through the PLT costs. Users of the installed package look for
# it in the same way, and only those that use a room which needs it (cmake/zcConfig.cmake.in).
function(zc_find_library target header)
  cmake_parse_arguments(PARSE_ARGV 2 A "" "" "NAMES")
  if(TARGET ${target})
    return()
  endif()
  string(REPLACE "::" "_" flat ${target})
  find_path(${flat}_INCLUDE ${header} REQUIRED)
  find_library(${flat}_LIBRARY NAMES ${A_NAMES} REQUIRED)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${${flat}_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${${flat}_INCLUDE})
  mark_as_advanced(${flat}_INCLUDE ${flat}_LIBRARY)
  set_property(GLOBAL PROPERTY ZC_FOREIGN_${flat} ${header} ${A_NAMES})
endfunction()

# Whether debug checks are in the libraries of this build: their users must know (zc/base/check.h).
string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
string(FIND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}}" "-DNDEBUG" without_checks)
set(ZC_DCHECKS 0)
if(without_checks EQUAL -1)
  set(ZC_DCHECKS 1)
endif()

function(zc_room name)
  cmake_parse_arguments(PARSE_ARGV 1 R "" "PREFIX" "DEPS;NOUNS;INTERNAL;FUZZ;BENCH;LIBS;TEST_DEPS")
  if(NOT R_PREFIX)
    set(R_PREFIX zc)
  endif()
  string(REPLACE "/" "_" flat ${name})
  set(target ${R_PREFIX}_${flat})
  set(sources)
  set(tests)
  set(headers)
  foreach(noun IN LISTS R_NOUNS)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${noun}.cc)
      list(APPEND sources ${noun}.cc)
    endif()
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${noun}_test.cc)
      list(APPEND tests ${noun}_test.cc)
    endif()
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${noun}.h)
      list(APPEND headers ${noun}.h)
    endif()
  endforeach()
  if(NOT sources)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${target}_headers_only.cc "// This room is headers only.\n")
    list(APPEND sources ${CMAKE_CURRENT_BINARY_DIR}/${target}_headers_only.cc)
  endif()
  add_library(${target} STATIC ${sources})
  add_library(${R_PREFIX}::${flat} ALIAS ${target})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_definitions(${target} PUBLIC $<INSTALL_INTERFACE:ZC_DCHECKS=${ZC_DCHECKS}>)
  target_compile_features(${target} PUBLIC cxx_std_23)
  target_link_libraries(${target} PUBLIC ${R_DEPS} Threads::Threads PRIVATE ${R_LIBS})
  set_property(GLOBAL APPEND PROPERTY ZC_ROOMS ${target})
  if(R_PREFIX STREQUAL "zc")
    zc_install_room(${target} ${flat})
  endif()

  if(ZC_CHECK_HEADERS)
    set(checks)
    foreach(header IN LISTS headers)
      file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${header})
      get_filename_component(noun ${header} NAME_WE)
      file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/header_alone_${noun}.cc
        CONTENT "#include \"${path}\"  // IWYU pragma: keep\n" @ONLY)
      list(APPEND checks ${CMAKE_CURRENT_BINARY_DIR}/header_alone_${noun}.cc)
    endforeach()
    if(checks)
      add_library(${target}_headers_alone OBJECT ${checks})
      target_link_libraries(${target}_headers_alone PRIVATE ${target} ${R_LIBS})
    endif()
  endif()

  if(ZC_BUILD_TESTS AND tests)
    find_package(GTest REQUIRED)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE ${target} ${R_LIBS} ${R_TEST_DEPS} GTest::gmock GTest::gtest_main)
    add_test(NAME ${target} COMMAND ${target}_test)
    set_tests_properties(${target} PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)
  endif()
  if(ZC_BUILD_FUZZ)
    foreach(noun IN LISTS R_FUZZ)
      zc_fuzz(${target} ${noun} "${R_LIBS}")
    endforeach()
  endif()
  if(ZC_BUILD_BENCH)
    foreach(noun IN LISTS R_BENCH)
      find_package(benchmark REQUIRED)
      set(cores 1)
      if(noun MATCHES "^(.+)@([0-9]+)$")
        set(noun ${CMAKE_MATCH_1})
        set(cores ${CMAKE_MATCH_2})
      endif()
      file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${target}_${noun}_bench.cores ${cores})  # read by bench/rooms.py
      add_executable(${target}_${noun}_bench ${noun}_bench.cc)
      target_link_libraries(${target}_${noun}_bench PRIVATE ${target} ${R_LIBS} benchmark::benchmark)
    endforeach()
  endif()
endfunction()

# Library and headers of one room into the package. Reads the variables of zc_room().
function(zc_install_room target component)
  list(TRANSFORM R_DEPS REPLACE "^zc_" "" OUTPUT_VARIABLE below)
  set_property(GLOBAL APPEND PROPERTY ZC_PACKAGE_ROOMS ${component})
  set_property(GLOBAL PROPERTY ZC_PACKAGE_BELOW_${component} ${below})
  set_property(GLOBAL PROPERTY ZC_PACKAGE_LIBS_${component} ${R_LIBS})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${component})
  if(NOT ZC_INSTALL)
    return()
  endif()
  install(TARGETS ${target} EXPORT zcTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT zc)
  list(TRANSFORM R_INTERNAL APPEND ".h" OUTPUT_VARIABLE internal)
  list(REMOVE_ITEM headers ${internal})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder} COMPONENT zc)
endfunction()

# The umbrella, and what find_package(zc) and pkg-config read. zc::testing is for tests: whoever wants it names it.
function(zc_install)
  get_property(rooms GLOBAL PROPERTY ZC_PACKAGE_ROOMS)
  set(under_umbrella ${rooms})
  list(FILTER under_umbrella EXCLUDE REGEX "^testing")
  list(TRANSFORM under_umbrella PREPEND "zc_" OUTPUT_VARIABLE targets)
  add_library(zc INTERFACE)
  add_library(zc::zc ALIAS zc)
  target_link_libraries(zc INTERFACE ${targets})
  list(TRANSFORM rooms PREPEND "zc_" OUTPUT_VARIABLE everything)
  add_custom_target(zc_package DEPENDS ${everything})  # builds what `cmake --install --component zc` wants
  if(NOT ZC_INSTALL)
    return()
  endif()

  set(needs)  # foreign libraries of all rooms
  set(ZC_PACKAGE_TABLE "set(zc_ROOMS ${rooms})\n")
  foreach(room IN LISTS rooms)
    get_property(below GLOBAL PROPERTY ZC_PACKAGE_BELOW_${room})
    get_property(libs GLOBAL PROPERTY ZC_PACKAGE_LIBS_${room})
    list(APPEND needs ${libs})
    string(APPEND ZC_PACKAGE_TABLE "set(_zc_below_${room} ${below})\nset(_zc_needs_${room} ${libs})\n")
  endforeach()
  list(REMOVE_DUPLICATES needs)
  set(pc_libs)
  list(REVERSE under_umbrella)  # rooms come from the bottom up; a linker wants users before the used
  foreach(room IN LISTS under_umbrella)
    string(APPEND pc_libs " -lzc_${room}")
  endforeach()
  foreach(need IN LISTS needs)
    string(REPLACE "::" "_" flat ${need})
    get_property(how GLOBAL PROPERTY ZC_FOREIGN_${flat})
    if(how)
      string(APPEND ZC_PACKAGE_TABLE "set(_zc_foreign_${flat} ${how})\n")
      list(GET how -1 name)
      string(APPEND pc_libs " -l${name}")
    endif()
  endforeach()
  string(REPLACE ";" " " ZC_PACKAGE_TABLE "${ZC_PACKAGE_TABLE}")

  include(CMakePackageConfigHelpers)
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/zc)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/zcConfig.cmake.in
    ${PROJECT_BINARY_DIR}/zcConfig.cmake INSTALL_DESTINATION ${folder})
  # Before 1.0 a new minor version may break; SemVer says so, and find_package takes it at its word.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/zcConfigVersion.cmake
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/zcConfig.cmake ${PROJECT_BINARY_DIR}/zcConfigVersion.cmake
    DESTINATION ${folder} COMPONENT zc)
  install(TARGETS zc EXPORT zcTargets COMPONENT zc)
  install(EXPORT zcTargets NAMESPACE zc:: DESTINATION ${folder} COMPONENT zc)

  set(ZC_PC_LIBS "${pc_libs}")
  file(RELATIVE_PATH ZC_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/zc.pc.in ${PROJECT_BINARY_DIR}/zc.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/zc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT zc)
endfunction()

# NOUN_fuzz.cc holds LLVMFuzzerTestOneInput. Without libFuzzer it gets a main that replays files, so the corpus
# in fuzz/corpus/TARGET runs in every build.
function(zc_fuzz room noun libs)
  set(target ${room}_${noun}_fuzz)
  add_executable(${target} ${noun}_fuzz.cc)
  target_link_libraries(${target} PRIVATE ${room} ${libs})
  if(ZC_LIBFUZZER)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay_main.cc)
    set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${target})
    add_test(NAME ${target} COMMAND ${target} ${corpus})
    set_tests_properties(${target} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
endfunction()
