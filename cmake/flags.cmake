# How everything is compiled: warnings, sanitizers, hardening, LTO. The target neosocksd_flags
# carries the result; whoever links it gets them. Options a compiler does not know are left out,
# so that g++ stays usable as a second opinion (the shipping compiler is clang 19).

include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)

set(NEOSOCKSD_SANITIZER "none" CACHE STRING "none, address, thread or fuzzer")
set_property(CACHE NEOSOCKSD_SANITIZER PROPERTY STRINGS none address thread fuzzer)
option(NEOSOCKSD_HARDEN "Hardening flags, for builds that face the network" OFF)
option(NEOSOCKSD_LTO "ThinLTO (clang with lld only)" OFF)
option(NEOSOCKSD_COVERAGE "Source-based coverage (clang only)" OFF)
set(NEOSOCKSD_PROFILE "" CACHE STRING
    "Profile-guided optimisation (clang only): 'generate', or the profile to use")
option(NEOSOCKSD_WERROR "Warnings are errors" OFF)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# -O2, not CMake's -O3: smaller, and no slower where the kernel does the work.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
# Tests under a sanitizer: fast enough to be patient with, assertions on, readable stacks. Their
# lines are all that a report needs of debug information, and compile a third faster.
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -gline-tables-only -fno-omit-frame-pointer")

add_library(neosocksd_flags INTERFACE)

function(neosocksd_try_compile_flag flag)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" variable)
    check_cxx_compiler_flag("${flag}" ${variable})
    if(${variable})
        target_compile_options(neosocksd_flags INTERFACE "${flag}")
    endif()
endfunction()

function(neosocksd_try_link_flag flag)
    string(MAKE_C_IDENTIFIER "HAVE_LINK${flag}" variable)
    check_linker_flag(CXX "${flag}" ${variable})
    if(${variable})
        target_link_options(neosocksd_flags INTERFACE "${flag}")
    endif()
endfunction()

target_compile_options(neosocksd_flags INTERFACE -Wall -Wextra -Wshadow)
neosocksd_try_compile_flag(-Wthread-safety)
if(NEOSOCKSD_WERROR)
    target_compile_options(neosocksd_flags INTERFACE -Werror)
endif()
# __FILE__ appears in log lines; the build directory of whoever compiled it should not.
target_compile_options(neosocksd_flags INTERFACE "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
# Cheap bounds checks in the standard library, in release too: a mistake of ours that a peer can
# reach should end the process, not corrupt it.
target_compile_definitions(neosocksd_flags INTERFACE _GLIBCXX_ASSERTIONS)

find_program(NEOSOCKSD_LLD NAMES ld.lld-19 ld.lld)
mark_as_advanced(NEOSOCKSD_LLD)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND NEOSOCKSD_LLD)
    target_link_options(neosocksd_flags INTERFACE -fuse-ld=lld)
    set(CMAKE_REQUIRED_LINK_OPTIONS -fuse-ld=lld)
endif()

# UBSan's function check sees C callbacks of libraries through their C types and cries wolf.
set(address_flags -fsanitize=address,undefined -fno-sanitize=function -fno-sanitize-recover=all)
if(NEOSOCKSD_SANITIZER STREQUAL "address")
    target_compile_options(neosocksd_flags INTERFACE ${address_flags})
    target_link_options(neosocksd_flags INTERFACE ${address_flags})
elseif(NEOSOCKSD_SANITIZER STREQUAL "thread")
    target_compile_options(neosocksd_flags INTERFACE -fsanitize=thread)
    target_link_options(neosocksd_flags INTERFACE -fsanitize=thread)
elseif(NEOSOCKSD_SANITIZER STREQUAL "fuzzer")
    target_compile_options(neosocksd_flags INTERFACE ${address_flags} -fsanitize=fuzzer-no-link)
    target_link_options(neosocksd_flags INTERFACE ${address_flags})
elseif(NOT NEOSOCKSD_SANITIZER STREQUAL "none")
    message(FATAL_ERROR "NEOSOCKSD_SANITIZER is none, address, thread or fuzzer, "
                        "not '${NEOSOCKSD_SANITIZER}'")
endif()

if(NEOSOCKSD_COVERAGE)
    target_compile_options(neosocksd_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
    target_link_options(neosocksd_flags INTERFACE -fprofile-instr-generate)
endif()

if(NEOSOCKSD_LTO)
    target_compile_options(neosocksd_flags INTERFACE -flto=thin)
    # The cache makes the second link cost only what changed.
    target_link_options(neosocksd_flags INTERFACE -flto=thin
        "LINKER:--thinlto-cache-dir=${CMAKE_BINARY_DIR}/thinlto")
endif()

if(NEOSOCKSD_PROFILE STREQUAL "generate")
    target_compile_options(neosocksd_flags INTERFACE -fprofile-generate)
    target_link_options(neosocksd_flags INTERFACE -fprofile-generate)
elseif(NEOSOCKSD_PROFILE)
    # What the training did not reach has no profile; that is no reason to warn.
    target_compile_options(neosocksd_flags INTERFACE "-fprofile-use=${NEOSOCKSD_PROFILE}"
        -Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date -Wno-backend-plugin)
    target_link_options(neosocksd_flags INTERFACE "-fprofile-use=${NEOSOCKSD_PROFILE}")
endif()

if(NEOSOCKSD_STATIC)
    target_link_options(neosocksd_flags INTERFACE -static-pie)
    # Leave out what nobody calls, keep one of what is alike, and pack the relocations.
    foreach(flag -Wl,--gc-sections -Wl,--icf=all -Wl,--pack-dyn-relocs=relr)
        neosocksd_try_link_flag(${flag})
    endforeach()
endif()

if(NEOSOCKSD_HARDEN)
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
    if(NOT NEOSOCKSD_STATIC)
        include(CheckPIESupported)
        check_pie_supported(LANGUAGES CXX)
    endif()
    # Some distributions define it already; a second, different definition is a warning.
    target_compile_options(neosocksd_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    neosocksd_try_compile_flag(-fstack-protector-strong)
    neosocksd_try_compile_flag(-fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i.86")
        neosocksd_try_compile_flag(-fcf-protection)
        # Said for all that is linked: objects compiled without, as Debian's Lua, return no other
        # way. Of branch targets (-z ibt) that would not be true.
        neosocksd_try_link_flag(-Wl,-z,shstk)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
        neosocksd_try_compile_flag(-mbranch-protection=standard)
    endif()
    foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
        neosocksd_try_link_flag(${flag})
    endforeach()
endif()
