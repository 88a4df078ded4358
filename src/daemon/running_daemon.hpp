// A running program's hold on its data dir.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "daemon/admin_file.hpp"
#include "daemon/data_dir.hpp"

namespace chuantou::daemon {

/// With state where the folder can be used and no other daemon has it; else without, and a sentence on stderr says so.
class RunningDaemon {
 public:
  /// `dataDir` empty: the default one. Throws Failure where the folder was named and cannot be used.
  RunningDaemon(std::string program, const std::string& dataDir, Language language);

  bool hasState() const noexcept { return dir_ != nullptr; }
  /// Only with state.
  std::string file(std::string_view name) const { return dir_->file(name); }
  /// Empty without state.
  std::string folder() const { return dir_ ? dir_->path() : std::string{}; }
  /// The admin API's secret, made for this run unless keepToken() has found an earlier one.
  const std::string& token() const noexcept { return token_; }
  /// One secret for all runs with this data dir, so that a page in a browser goes on after a restart; nothing without state.
  /// Before token() and publish(). Throws Failure.
  void keepToken();
  /// Lets the commands find this daemon until it ends; nothing without state.
  void publish(const std::string& url);
  void unpublish() { adminFile_.reset(); }

 private:
  std::string program_;
  Language language_;
  std::string token_;
  std::unique_ptr<DataDir> dir_;
  std::optional<AdminFile> adminFile_;
};

}  // namespace chuantou::daemon
