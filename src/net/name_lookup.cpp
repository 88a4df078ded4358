#include "net/name_lookup.hpp"

#include <netdb.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace chuantou::net {

namespace {

/// Names that are asked for at the same time: where name servers are silent, each holds a thread for many seconds.
constexpr unsigned kMostThreads = 16;
constexpr std::size_t kMostWaiting = 4'096;

struct Answer {
  ErrorCode ec;
  std::vector<asio::ip::address> addresses;
};

ErrorCode errorOf(int code) {
  switch (code) {
    case EAI_AGAIN:
      return asio::error::host_not_found_try_again;
    case EAI_FAIL:
      return asio::error::no_recovery;
    case EAI_MEMORY:
      return asio::error::no_memory;
    case EAI_SYSTEM:
      return ErrorCode{errno, asio::error::get_system_category()};
    default:
      return asio::error::host_not_found;
  }
}

Answer lookUp(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* first = nullptr;
  if (const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &first); code != 0) return {errorOf(code), {}};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all{first, &::freeaddrinfo};
  Answer out;
  for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
    UdpEndpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::copy_n(reinterpret_cast<const char*>(at->ai_addr), at->ai_addrlen, reinterpret_cast<char*>(endpoint.data()));
    out.addresses.push_back(endpoint.address());
  }
  if (out.addresses.empty()) out.ec = asio::error::host_not_found;
  return out;
}

}  // namespace

/// Between the looking threads and the one that waits; whoever is left last takes it away.
struct NameLookup::Mailbox {
  std::mutex mutex;
  asio::io_context* context = nullptr;  ///< nothing: nobody waits any more
  // On the context's thread only.
  std::map<std::uint64_t, Done> waiting;
  std::uint64_t last = 0;

  bool awaited() {
    const std::lock_guard lock{mutex};
    return context != nullptr;
  }

  void answer(std::uint64_t id, Answer answer, const std::shared_ptr<Mailbox>& self) {
    const std::lock_guard lock{mutex};
    if (context == nullptr) return;
    asio::post(*context, [self, id, answer = std::move(answer)] {
      const auto node = self->waiting.extract(id);
      if (!node.empty()) node.mapped()(answer.ec, answer.addresses);
    });
  }
};

/// The threads of the process. They may outlive everything else: nobody waits for them, and each keeps the desk.
class NameLookup::Desk : public std::enable_shared_from_this<Desk> {
 public:
  struct Question {
    std::string name;
    std::uint64_t id;
    std::shared_ptr<Mailbox> from;
  };

  static const std::shared_ptr<Desk>& ofProcess() {
    static const auto desk = std::make_shared<Desk>();
    return desk;
  }

  void ask(Question question) {
    const std::lock_guard lock{mutex_};
    if (questions_.size() >= kMostWaiting) std::erase_if(questions_, [](const Question& each) { return !each.from->awaited(); });
    if (questions_.size() >= kMostWaiting) return question.from->answer(question.id, {asio::error::no_descriptors, {}}, question.from);
    questions_.push_back(std::move(question));
    if (threads_ >= kMostThreads) return;
    try {
      std::thread{[self = shared_from_this()] { self->work(); }}.detach();
      ++threads_;
    } catch (const std::system_error&) {  // no more threads
      if (threads_ > 0) return;
      const Question last = std::move(questions_.back());
      questions_.pop_back();
      last.from->answer(last.id, {asio::error::no_descriptors, {}}, last.from);
    }
  }

 private:
  void work() {
    std::unique_lock lock{mutex_};
    while (!questions_.empty()) {
      const Question question = std::move(questions_.front());
      questions_.pop_front();
      lock.unlock();
      if (question.from->awaited()) question.from->answer(question.id, lookUp(question.name), question.from);
      lock.lock();
    }
    --threads_;
  }

  std::mutex mutex_;
  std::deque<Question> questions_;
  unsigned threads_ = 0;
};

NameLookup::NameLookup(asio::io_context& context) : mailbox_(std::make_shared<Mailbox>()) { mailbox_->context = &context; }

NameLookup::~NameLookup() {
  mailbox_->waiting.clear();
  const std::lock_guard lock{mailbox_->mutex};
  mailbox_->context = nullptr;
}

void NameLookup::find(const std::string& name, Done done) {
  const std::uint64_t id = ++mailbox_->last;
  mailbox_->waiting[id] = std::move(done);
  ErrorCode ec;
  const auto literal = asio::ip::make_address(name, ec);
  if (!ec) return mailbox_->answer(id, {{}, {literal}}, mailbox_);
  if (name == "localhost") {  // RFC 6761, section 6.3: always loopback
    return mailbox_->answer(id, {{}, {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()}}, mailbox_);
  }
  Desk::ofProcess()->ask({name, id, mailbox_});
}

}  // namespace chuantou::net
