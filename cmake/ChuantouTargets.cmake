# Flags and helpers that every target of the project shares.

add_library(chuantou_warnings INTERFACE)
target_compile_features(chuantou_warnings INTERFACE cxx_std_20)
target_compile_options(chuantou_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # clang 14 with libstdc++ has coroutines, but not the macros by which Asio and <coroutine> look for them.
  target_compile_definitions(chuantou_warnings INTERFACE ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE
                                                         __cpp_impl_coroutine=201902L)
  target_compile_options(chuantou_warnings INTERFACE -Wno-builtin-macro-redefined)
endif()
if(CHUANTOU_SANITIZE)
  target_compile_options(chuantou_warnings INTERFACE -fsanitize=${CHUANTOU_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(chuantou_warnings INTERFACE -fsanitize=${CHUANTOU_SANITIZE})
  if(CHUANTOU_SANITIZE MATCHES "thread")
    target_compile_options(chuantou_warnings INTERFACE -Wno-tsan)  # Asio's fences: g++ warns that it does not model them
  endif()
endif()
if(CHUANTOU_FAST_PATHS)
  target_compile_definitions(chuantou_warnings INTERFACE CHUANTOU_FAST_PATHS=1)
else()
  target_compile_definitions(chuantou_warnings INTERFACE CHUANTOU_FAST_PATHS=0)
endif()

add_library(chuantou_internal_headers INTERFACE)
target_include_directories(chuantou_internal_headers INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                                               $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)

# Asio is compiled once, in src/net/asio_impl.cpp. It takes std::aligned_alloc where a standard header came before its own, and operator new
# elsewhere: what one file gets with the one, another would give back with the other. Nothing here is aligned beyond operator new.
add_library(chuantou_asio INTERFACE)
target_include_directories(chuantou_asio SYSTEM INTERFACE ${CHUANTOU_ASIO_INCLUDE} ${CHUANTOU_WEBSOCKETPP_INCLUDE})
target_compile_definitions(chuantou_asio INTERFACE ASIO_STANDALONE ASIO_SEPARATE_COMPILATION ASIO_NO_DEPRECATED
                                                   ASIO_DISABLE_STD_ALIGNED_ALLOC)
target_link_libraries(chuantou_asio INTERFACE Threads::Threads)

# chuantou_module(NAME SOURCES a.cpp … LINKS target …): a layer of the library, as an object library so that
# libchuantou is one archive. LINKS name the layers below and the third-party targets that it may use.
function(chuantou_module NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(chuantou_${NAME} OBJECT ${ARG_SOURCES})
  set_target_properties(chuantou_${NAME} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(chuantou_${NAME} PUBLIC chuantou_internal_headers ${ARG_LINKS} PRIVATE chuantou_warnings)
  set_property(GLOBAL APPEND PROPERTY CHUANTOU_MODULES chuantou_${NAME})
endfunction()

add_library(rapidjson_headers INTERFACE)
find_path(CHUANTOU_RAPIDJSON_INCLUDE rapidjson/document.h REQUIRED)
target_include_directories(rapidjson_headers SYSTEM INTERFACE ${CHUANTOU_RAPIDJSON_INCLUDE})
