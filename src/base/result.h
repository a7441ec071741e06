// What an operation that can fail returns: a value, or an Error that says which operation failed
// and why. Expected failures are values; exceptions are left to start-up and to our own bugs.

#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>

namespace neosocksd {

// `code` is an errno value (ETIMEDOUT and ECANCELED for deadlines and cancellation).
// `operation` is a literal such as "connect": it must outlive the error.
struct Error {
    int code = 0;
    const char* operation = "";

    // "connect: Connection refused"
    std::string to_string() const { return std::string(operation) + ": " + std::strerror(code); }
    friend bool operator==(const Error& a, const Error& b) { return a.code == b.code; }
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> failure(int code, const char* operation) {
    return std::unexpected(Error{code, operation});
}

// For a system call that has just failed.
inline std::unexpected<Error> system_failure(const char* operation) {
    return failure(errno, operation);
}

}  // namespace neosocksd
