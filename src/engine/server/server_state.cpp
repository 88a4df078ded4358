#include "engine/server/server_state.hpp"

#include <filesystem>

#include "engine/server/state_json.hpp"
#include "net/state_file.hpp"

namespace chuantou::engine {

namespace {

constexpr std::size_t kMaxNamesFile = std::size_t{1} << 31;
constexpr std::size_t kMaxTokensFile = std::size_t{1} << 28;

std::string namesFile(const std::string& folder) { return folder + "/names.jsonl"; }
std::string tokensFile(const std::string& folder) { return folder + "/tokens.json"; }

/// Runs what throws std::system_error; the library's errors are Errors.
template <class F>
auto onDisk(F f) -> decltype(f()) {
  try {
    return f();
  } catch (const Error&) {
    throw;
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error{Errc::system_error, error.path1().string(), error.code().message()};
  } catch (const std::system_error& error) {
    throw Error{Errc::system_error, "writing the state", error.what()};
  }
}

}  // namespace

ServerState::ServerState(std::string folder, const Logger& log) : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  onDisk([&] {
    if (std::filesystem::create_directories(folder_)) {
      std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
    }
    const std::string path = namesFile(folder_);
    const auto text = net::readFile(path, kMaxNamesFile);
    bool torn = false;
    if (text) names_ = readNames(*text, path, &torn);
    if (torn) log.log(LogLevel::warn, "state", "the last line of {} was cut off by a crash and is left out", path);
    std::string compact;
    for (const relay::NameRecord& record : names_) compact += nameLine(record);
    // Also an empty one: unlike a file that was only opened, its name survives a power cut.
    if (compact != text) net::writeFileAtomically(path, compact);
    journal_ = std::make_unique<net::AppendFile>(path);
    if (const auto tokens = net::readFile(tokensFile(folder_), kMaxTokensFile)) {
      tokens_ = readTokens(*tokens, tokensFile(folder_));
    }
  });
}

void ServerState::append(const std::string& line) {
  if (journal_) onDisk([&] { journal_->append(line); });
}

void ServerState::store(const relay::NameRecord& record) { append(nameLine(record)); }
void ServerState::forget(const ClientId& name) { append(releaseLine(name)); }

void ServerState::store(const relay::TokenTable& tokens) {
  if (folder_.empty()) return;
  std::vector<relay::Token> all;
  if (aside_) all.push_back(*aside_);
  for (const relay::Token& token : tokens.all()) {
    if (!token.configured) all.push_back(token);
  }
  onDisk([&] { net::writeFileAtomically(tokensFile(folder_), tokensText(all)); });
}

}  // namespace chuantou::engine
