// What luaL_loadfile does with a file, for more kinds of files: it reads neither compressed ones
// nor says what is wrong with UTF-16. Tested by script_file_test.cc.

#include "ruleset/script_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/compress.h"
#include "base/limits.h"

namespace neosocksd::ruleset {
namespace {

struct Close {
    void operator()(std::FILE* file) const {
        if (file != stdin) std::fclose(file);
    }
};

std::expected<std::string, std::string> read_all(const std::string& path) {
    const std::unique_ptr<std::FILE, Close> file(path == "-" ? stdin
                                                             : std::fopen(path.c_str(), "rbe"));
    if (!file) return std::unexpected("cannot open " + path + ": " + std::strerror(errno));
    std::string text;
    char buffer[65536];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) {
        text.append(buffer, got);
        if (text.size() > limits::kScriptBytes)
            return std::unexpected("cannot read " + path + ": it is no script: too large");
    }
    if (std::ferror(file.get()) != 0)
        return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
    return text;
}

}  // namespace

std::string chunk_name(const std::string& path) {
    return path == "-" ? "=stdin" : "@" + path;
}

std::expected<std::string, std::string> read_script(const std::string& path) {
    auto text = read_all(path);
    if (!text) return text;
    if (text->starts_with("\x1f\x8b")) {
        auto plain = inflate(*text, Format::gzip, limits::kScriptBytes);
        if (!plain) return std::unexpected("cannot read " + path + ": " + to_string(plain.error()));
        *text = std::move(*plain);
    }
    if (text->starts_with("\xff\xfe") || text->starts_with("\xfe\xff"))
        return std::unexpected("cannot read " + path +
                               ": not UTF-8 text: it begins with a UTF-16 "
                               "or UTF-32 byte order mark");
    if (text->starts_with("\xef\xbb\xbf")) text->erase(0, 3);
    if (text->starts_with("#")) text->erase(0, std::min(text->find('\n'), text->size()));
    return text;
}

}  // namespace neosocksd::ruleset
