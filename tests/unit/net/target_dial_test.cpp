#include "net/target_dial.hpp"

#include <asio/error.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <optional>

#include "chuantou/error.hpp"

using namespace chuantou;
using namespace chuantou::net;

namespace {

constexpr std::chrono::seconds kDeadline{5};

Decision decided(const std::vector<std::string>& rules, const char* host, std::uint16_t port) {
  const auto parsed = PortRules::parse(rules);
  REQUIRE(parsed.ok());
  return parsed.value().decide(*ClientId::parse("A"), true, host, port);
}

/// Names and what they lead to; another answer each time, as in a rebinding. Counts the questions.
struct FakeDns {
  std::vector<std::vector<std::string>> answers;
  ErrorCode error;
  bool silent = false;
  int asked = 0;
  std::string lastName;
  AddressesDone kept;

  Resolve resolve() {
    return [this](asio::io_context& context, const std::string& name, AddressesDone done) -> std::shared_ptr<void> {
      lastName = name;
      std::vector<asio::ip::address> addresses;
      if (!answers.empty()) {
        for (const std::string& one : answers[static_cast<std::size_t>(asked) % answers.size()]) {
          addresses.push_back(asio::ip::make_address(one));
        }
      }
      ++asked;
      if (silent) {
        kept = std::move(done);
        return nullptr;
      }
      asio::post(context, [done = std::move(done), addresses, ec = error] { done(ec, addresses); });
      return nullptr;
    };
  }
};

struct Found {
  int calls = 0;
  ErrorCode error;
  std::vector<std::string> addresses;
};

Found found(const Decision& decision, FakeDns& dns, Duration deadline = kDeadline) {
  asio::io_context context;
  Found out;
  findTarget(
      context, decision, deadline,
      [&](const ErrorCode& ec, const std::vector<asio::ip::address>& addresses) {
        ++out.calls;
        out.error = ec;
        for (const auto& address : addresses) out.addresses.push_back(address.to_string());
      },
      dns.resolve());
  context.run_for(std::chrono::seconds{10});
  // Too late: nobody hears it. (What waits for an answer must not outlive the context.)
  if (const auto late = std::exchange(dns.kept, nullptr)) late({}, {asio::ip::make_address("10.0.0.1")});
  return out;
}

struct Dialled {
  int calls = 0;
  ErrorCode error;
  std::optional<TcpEndpoint> peer;
};

Dialled dialled(asio::io_context& context, const Decision& decision, std::uint16_t port, FakeDns& dns) {
  Dialled out;
  dialTarget(
      context, decision, port, kDeadline,
      [&](const ErrorCode& ec, TcpSocket socket) {
        ++out.calls;
        out.error = ec;
        if (!ec) out.peer = socket.remote_endpoint();
      },
      dns.resolve());
  context.run_for(std::chrono::seconds{10});
  context.restart();
  return out;
}

/// Listens at 127.0.0.1 or another address of loopback and counts.
struct Listener {
  Listener(asio::io_context& context, const char* address, std::uint16_t port = 0)
      : acceptor(context, TcpEndpoint{asio::ip::make_address(address), port}) {}
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }
  /// A connection that was made stands in the queue.
  bool wasReached() {
    ErrorCode ec;
    acceptor.non_blocking(true);
    TcpSocket socket = acceptor.accept(ec);
    return !ec;
  }
  Acceptor acceptor;
};

/// Listens with the same port at another address, or says that somebody else has it.
std::unique_ptr<Listener> besides(asio::io_context& context, const Listener& first, const char* address) {
  try {
    return std::make_unique<Listener>(context, address, first.port());
  } catch (const std::system_error&) {
    return nullptr;
  }
}

}  // namespace

TEST_CASE("addresses that are known need no resolver", "[net][target_dial]") {
  FakeDns dns;
  CHECK(found(decided({}, "", 22), dns).addresses == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK(found(decided({}, "::1", 22), dns).addresses == std::vector<std::string>{"::1", "127.0.0.1"});
  CHECK(found(decided({"10.0.0.0/8:22"}, "10.1.2.3", 22), dns).addresses == std::vector<std::string>{"10.1.2.3"});
  CHECK(dns.asked == 0);
}

TEST_CASE("of a name's addresses those are left that the rules let pass", "[net][target_dial]") {
  struct Row {
    std::vector<std::string> rules;
    std::vector<std::string> resolved;
    std::vector<std::string> left;
  };
  const Row rows[] = {
      {{"db:22"}, {"10.0.0.1"}, {"10.0.0.1"}},
      {{"db:22"}, {"10.0.0.1", "10.0.0.2", "2001:db8::1"}, {"10.0.0.1", "2001:db8::1", "10.0.0.2"}},
      {{"db:22"}, {"169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1"}, {"10.0.0.1"}},
      {{"db:22"}, {"127.0.0.1", "10.0.0.1"}, {"10.0.0.1"}},
      {{"db:22", "22"}, {"127.0.0.1", "127.0.0.2"}, {"127.0.0.1"}},
      {{"db:22"}, {"127.0.0.1"}, {}},
      {{"db:22"}, {"::1", "::", "0.0.0.0", "ff02::1%1", "fe80::1%1", "64:ff9b::7f00:1"}, {}},
      {{"db:22"}, {}, {}},
  };
  for (const Row& row : rows) {
    FakeDns dns;
    dns.answers = {row.resolved};
    const Found out = found(decided(row.rules, "DB.", 22), dns);
    INFO(Catch::Detail::stringify(row.rules) << " " << Catch::Detail::stringify(row.resolved));
    CHECK(out.calls == 1);
    CHECK(out.addresses == row.left);
    CHECK((out.error == Errc::not_allowed) == row.left.empty());
    CHECK(dns.asked == 1);
    CHECK(dns.lastName == "db");
  }
}

TEST_CASE("what is refused is not resolved", "[net][target_dial]") {
  FakeDns dns;
  dns.answers = {{"10.0.0.1"}};
  const Found out = found(decided({}, "db", 22), dns);
  CHECK(out.calls == 1);
  CHECK(out.error == Errc::not_allowed);
  CHECK(dns.asked == 0);
}

TEST_CASE("a resolver's error and its silence", "[net][target_dial]") {
  FakeDns failing;
  failing.error = asio::error::host_not_found;
  CHECK(found(decided({"db:22"}, "db", 22), failing).error == asio::error::host_not_found);
  FakeDns silent;
  silent.silent = true;
  const Found out = found(decided({"db:22"}, "db", 22), silent, std::chrono::milliseconds{20});
  CHECK(out.calls == 1);
  CHECK(out.error == asio::error::timed_out);
}

TEST_CASE("the address that was checked is the one that is dialled", "[net][target_dial]") {
  asio::io_context context;
  // The system knows of the first one's port only that it is free at that address.
  std::vector<std::unique_ptr<Listener>> tried;
  std::unique_ptr<Listener> second;
  while (!second) {
    REQUIRE(tried.size() < 100);
    tried.push_back(std::make_unique<Listener>(context, "127.0.0.1"));
    second = besides(context, *tried.back(), "127.0.0.2");
  }
  Listener& offered = *tried.back();
  Listener& hidden = *second;
  const std::string port = std::to_string(offered.port());
  // The first answer passes; a second question would lead to what is not offered.
  FakeDns rebinding;
  rebinding.answers = {{"127.0.0.1"}, {"127.0.0.2"}};
  const Decision decision = decided({"db:" + port, port}, "db", offered.port());
  const Dialled first = dialled(context, decision, offered.port(), rebinding);
  CHECK_FALSE(first.error);
  CHECK(first.peer == TcpEndpoint{asio::ip::make_address("127.0.0.1"), offered.port()});
  CHECK(rebinding.asked == 1);
  // The next request resolves anew, and is checked anew.
  const Dialled next = dialled(context, decision, offered.port(), rebinding);
  CHECK(next.calls == 1);
  CHECK(next.error == Errc::not_allowed);
  CHECK(offered.wasReached());
  CHECK_FALSE(offered.wasReached());
  CHECK_FALSE(hidden.wasReached());
}

TEST_CASE("a service of either family is found at loopback", "[net][target_dial]") {
  asio::io_context context;
  FakeDns dns;
  Listener v4{context, "127.0.0.1"};
  for (const char* host : {"", "localhost", "127.0.0.1", "::1"}) {
    CHECK_FALSE(dialled(context, decided({}, host, v4.port()), v4.port(), dns).error);
  }
  Listener v6{context, "::1"};
  for (const char* host : {"", "localhost", "127.0.0.1", "::1"}) {
    CHECK_FALSE(dialled(context, decided({}, host, v6.port()), v6.port(), dns).error);
  }
}

TEST_CASE("the system's resolver answers for numbers without a network", "[net][target_dial]") {
  asio::io_context context;
  std::vector<asio::ip::address> out;
  const auto lookup = resolveBySystem(context, "192.0.2.1", [&](const ErrorCode& ec, const auto& addresses) {
    CHECK_FALSE(ec);
    out = addresses;
  });
  context.run_for(std::chrono::seconds{10});
  CHECK(out == std::vector{asio::ip::make_address("192.0.2.1")});
}
