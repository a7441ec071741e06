# The version that --help and the start-up log show: `git describe` in a clone with tags, else
# project(VERSION) and the commit. NEOSOCKSD_VERSION is given to the sources that show it
# only, so that a commit recompiles those, not all.

function(neosocksd_git_output variable)
    execute_process(COMMAND git ${ARGN} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
                    OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE
                    ERROR_QUIET RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        set(output "")
    endif()
    set(${variable} "${output}" PARENT_SCOPE)
endfunction()

function(neosocksd_define_version)
    set(version "${PROJECT_VERSION}")
    # Only our own repository counts: an unpacked tarball may lie inside somebody else's.
    if(EXISTS "${CMAKE_SOURCE_DIR}/.git")
        neosocksd_git_output(described describe --tags --match "v[0-9]*" --dirty)
        neosocksd_git_output(commit rev-parse --short HEAD)
        if(described)
            string(REGEX REPLACE "^v" "" version "${described}")
        elseif(commit)
            string(APPEND version "-dev+${commit}")
        endif()
        # A new commit configures again.
        neosocksd_git_output(head_log rev-parse --git-path logs/HEAD)
        cmake_path(ABSOLUTE_PATH head_log BASE_DIRECTORY "${CMAKE_SOURCE_DIR}")
        if(EXISTS "${head_log}" AND NOT IS_DIRECTORY "${head_log}")
            set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${head_log}")
        endif()
    endif()
    message(STATUS "neosocksd ${version}")
    set_property(SOURCE ${ARGN} APPEND PROPERTY
                 COMPILE_DEFINITIONS "NEOSOCKSD_VERSION=\"${version}\"")
endfunction()
