// Looking up names whose answer can be given up.
#pragma once

#include <string>

#include "net/types.hpp"

namespace chuantou::net {

/// Asks the system for names, on threads that all lookups of the process share. Unlike Asio's resolver its end does not wait for
/// answers: where no name server answers, the system gives up after many seconds only. On the context's thread.
class NameLookup {
 public:
  using Done = std::function<void(const ErrorCode& ec, const std::vector<asio::ip::address>& addresses)>;

  explicit NameLookup(asio::io_context& context);
  /// What is not answered yet will not be.
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// `done` runs once, later. An address is its own name. Errors: asio::error::host_not_found and the like, with no addresses;
  /// no_descriptors when too many wait already.
  void find(const std::string& name, Done done);

 private:
  struct Mailbox;
  class Desk;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace chuantou::net
