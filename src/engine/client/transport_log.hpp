// What was tried on the way to the server, and what came of it.
#pragma once

#include <map>

#include "base/time.hpp"
#include "chuantou/error.hpp"
#include "chuantou/transport.hpp"

namespace chuantou::engine {

class TransportLog {
 public:
  void succeeded(const std::string& kind, const std::string& where, Duration took);
  void failed(const std::string& kind, const std::string& where, const std::string& why);
  /// By kind and place.
  std::vector<TransportInfo> all() const;

  /// Ways are few; this is for names that change all the time.
  static constexpr std::size_t kMost = 64;

 private:
  TransportInfo* entry(const std::string& kind, const std::string& where);
  std::map<std::pair<std::string, std::string>, TransportInfo> entries_;
};

}  // namespace chuantou::engine
