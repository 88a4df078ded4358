// Files of state that are whole or absent, never half.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chuantou::net {

/// Replaces `path` by a file of mode 0600 with this content: a reader, also one after a crash or a power cut, sees the
/// old content or the new one. Throws std::system_error; then nothing has changed.
void writeFileAtomically(const std::string& path, std::string_view content);
/// Nothing where the file is missing. Throws std::system_error, also (file_too_large) above `limit` bytes.
std::optional<std::string> readFile(const std::string& path, std::size_t limit);

}  // namespace chuantou::net
