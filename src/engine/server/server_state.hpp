// What the server remembers over a restart: who owns which name, and its tokens.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "net/append_file.hpp"
#include "relay/name_book.hpp"
#include "relay/token_table.hpp"

namespace chuantou::engine {

/// Of one server at a time. On one thread.
class ServerState {
 public:
  /// `folder` is made where it is missing; empty: nothing is stored. Reads what is there: a file that is damaged is an
  /// Error(bad_config) that names it and the line. The journal of names is written anew, without what is out of date.
  ServerState(std::string folder, const Logger& log);

  std::vector<relay::NameRecord> takeNames() { return std::move(names_); }
  /// Also those that are not in force.
  std::vector<relay::Token> takeTokens() { return std::move(tokens_); }

  // Throw Error(system_error).
  void store(const relay::NameRecord& record);
  void forget(const ClientId& name);
  /// All but those of the configuration, and what is set aside.
  void store(const relay::TokenTable& tokens);
  /// A token of the file that this run does without.
  void setAside(relay::Token token) { aside_ = std::move(token); }

 private:
  void append(const std::string& line);

  std::string folder_;
  std::vector<relay::NameRecord> names_;
  std::vector<relay::Token> tokens_;
  std::optional<relay::Token> aside_;
  std::unique_ptr<net::AppendFile> journal_;
};

}  // namespace chuantou::engine
