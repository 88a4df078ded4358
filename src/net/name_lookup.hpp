// Looking up names whose answer can be given up.
#pragma once

#include <string>

#include "net/types.hpp"

namespace chuantou::net {

/// Asks the system for names, each on a thread of its own. Unlike Asio's resolver its end does not wait for answers: where
/// no name server answers, the system gives up after many seconds only. On the context's thread.
class NameLookup {
 public:
  using Done = std::function<void(const std::vector<asio::ip::address>& addresses)>;

  explicit NameLookup(asio::io_context& context);
  /// What is not answered yet will not be.
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// `done` runs once, later; without addresses where the name has none. An address is its own name.
  void find(const std::string& name, Done done);

 private:
  struct Mailbox;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace chuantou::net
