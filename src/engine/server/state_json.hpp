// The server's files of state as texts: a journal of names, one JSON object a line, and the tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/name_book.hpp"
#include "relay/token_table.hpp"

namespace chuantou::engine {

// Lines with their end.
std::string nameLine(const relay::NameRecord& record);
std::string releaseLine(const ClientId& name);

/// Later lines win. Throws Error(bad_config) that names `path` and the line. A last line without an end that cannot be
/// read was torn by a crash: it is left out, and `*torn` says so.
std::vector<relay::NameRecord> readNames(std::string_view text, const std::string& path, bool* torn);

/// With the secrets: for a file of mode 0600. One token a line.
std::string tokensText(const std::vector<relay::Token>& tokens);
/// Throws Error(bad_config) that names `path` and the line.
std::vector<relay::Token> readTokens(std::string_view text, const std::string& path);

}  // namespace chuantou::engine
