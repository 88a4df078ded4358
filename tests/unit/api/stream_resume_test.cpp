// Stream objects outlive the server that relays them: everything in one process, over loopback, through the public API.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "chuantou/chuantou.hpp"

using namespace chuantou;
using namespace std::chrono_literals;

namespace {

constexpr std::uint16_t kPort = 3000;
constexpr auto kDeadline = 30s;

/// A server that can go and come back on its port, without a memory of what was before.
class Relay {
 public:
  Relay() { start(); }
  std::string url() const { return "ws://127.0.0.1:" + std::to_string(port_); }
  void stop() { server_.reset(); }
  void start() {
    ServerConfig config;
    config.port = port_;
    server_.emplace(config);
    server_->start();
    port_ = server_->port();
  }
  void restart() {
    stop();
    start();
  }

 private:
  std::optional<Server> server_;
  std::uint16_t port_ = 0;
};

/// What happened to the streams of a client.
class Events {
 public:
  void watch(Client& client) {
    client.onStreamEvent([this](const StreamEvent& event) {
      const std::lock_guard lock{mutex_};
      seen_.push_back(event.kind);
      changed_.notify_all();
    });
  }
  bool wait(StreamEvent::Kind kind) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, kDeadline, [&] { return std::count(seen_.begin(), seen_.end(), kind) > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<StreamEvent::Kind> seen_;
};

/// Two clients and a stream between them; what B gets comes out of accepted().
class Pair {
 public:
  explicit Pair(const Relay& relay, std::chrono::milliseconds patience = 60s) : a_(config(relay, "A", patience)), b_(config(relay, "B", patience)) {
    aEvents.watch(a_);
    bEvents.watch(b_);
    b_.listen(kPort, [this](Stream stream) { accepted_.set_value(std::move(stream)); });
    b_.start();
    a_.start();
    near = a_.connect("B", kPort);
    near.write("x");  // so that B's end is there for certain
    auto accepted = accepted_.get_future();
    if (accepted.wait_for(kDeadline) != std::future_status::ready) throw std::runtime_error("B has not got the stream");
    far = accepted.get();
    char first = 0;
    far.read(&first, 1);
  }
  Client& a() { return a_; }

  Events aEvents, bEvents;
  Stream near, far;

 private:
  static ClientConfig config(const Relay& relay, const char* id, std::chrono::milliseconds patience) {
    ClientConfig config;
    config.serverUrl = relay.url();
    config.clientId = id;
    config.patience = patience;
    return config;
  }

  std::promise<Stream> accepted_;
  Client a_, b_;
};

/// The byte at a position, by which loss, repetition and disorder show.
std::uint8_t byteAt(std::uint64_t position, std::uint64_t salt) {
  const std::uint64_t mixed = (position / 8 + salt) * 0x9e3779b97f4a7c15u;
  return static_cast<std::uint8_t>(mixed >> (8 * (position % 8)));
}

/// Sends until told to end, then says so; returns how much it was.
std::uint64_t pour(Stream stream, std::uint64_t salt, const std::atomic<bool>& enough) {
  std::array<std::uint8_t, 20'000> block{};
  std::uint64_t sent = 0;
  while (!enough) {
    const std::size_t size = 1 + sent * 7919 % block.size();
    for (std::size_t i = 0; i < size; ++i) block[i] = byteAt(sent + i, salt);
    stream.write(block.data(), size, kDeadline);
    sent += size;
    std::this_thread::sleep_for(1ms);  // some megabytes a second
  }
  stream.shutdown();
  return sent;
}

/// Reads to the end; returns how much it was. Throws at the first byte that is not the one that is due.
std::uint64_t drink(Stream stream, std::uint64_t salt, std::atomic<std::uint64_t>& progress) {
  std::array<std::uint8_t, 65536> block{};
  std::uint64_t received = 0;
  while (const std::size_t got = stream.read(block.data(), block.size(), kDeadline)) {
    for (std::size_t i = 0; i < got; ++i) {
      if (block[i] != byteAt(received + i, salt)) throw std::runtime_error("byte " + std::to_string(received + i) + " is wrong");
    }
    received += got;
    progress = received;
  }
  return received;
}

bool until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// The error with which a read ends.
std::error_code endOf(Stream& stream, Stream::Duration deadline) {
  try {
    char byte = 0;
    while (stream.read(&byte, 1, deadline) != 0) {}
    return {};
  } catch (const Error& error) {
    return error.code();
  }
}

}  // namespace

TEST_CASE("Streams go on when the server was restarted under them", "[api]") {
  Relay relay;
  Pair pair{relay};
  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> there{0}, back{0};
  auto up = std::async(std::launch::async, pour, pair.near, 1, std::cref(enough));
  auto down = std::async(std::launch::async, pour, pair.far, 2, std::cref(enough));
  auto received = std::async(std::launch::async, drink, pair.far, 1, std::ref(there));
  auto answered = std::async(std::launch::async, drink, pair.near, 2, std::ref(back));

  bool moved = true;
  for (int round = 0; round < 3 && moved; ++round) {
    // More than may have been under way when the server went.
    const std::uint64_t thereBefore = there + 3'000'000, backBefore = back + 3'000'000;
    relay.restart();
    moved = until([&] { return there > thereBefore && back > backBefore; });
  }
  enough = true;
  CHECK(moved);
  const std::uint64_t sentUp = up.get(), sentDown = down.get();
  CHECK(received.get() == sentUp);
  CHECK(answered.get() == sentDown);
  CHECK(pair.aEvents.wait(StreamEvent::Kind::stalled));
  CHECK(pair.aEvents.wait(StreamEvent::Kind::resumed));
  CHECK(pair.bEvents.wait(StreamEvent::Kind::resumed));
  CHECK(pair.a().stats().streamResumes >= 3);
  CHECK(pair.a().stats().streamsGivenUp == 0);
}

TEST_CASE("A stream that waits for its peer's word waits through an outage", "[api]") {
  Relay relay;
  Pair pair{relay};
  std::array<char, 100> buffer{};
  std::promise<std::pair<std::error_code, std::size_t>> done;
  pair.near.asyncRead(buffer.data(), buffer.size(), [&](std::error_code error, std::size_t bytes) { done.set_value({error, bytes}); });
  auto result = done.get_future();

  relay.stop();
  CHECK(pair.aEvents.wait(StreamEvent::Kind::stalled));
  pair.far.write("said while nobody relayed");
  pair.far.shutdown();
  CHECK(result.wait_for(100ms) == std::future_status::timeout);
  REQUIRE(pair.a().streams().size() == 1);
  const StreamInfo stalled = pair.a().streams().front();
  CHECK_FALSE(stalled.attached);
  CHECK(stalled.carrier.empty());
  REQUIRE(stalled.stalledFor);
  CHECK(*stalled.stalledFor >= 100ms);
  CHECK(stalled.lostTime >= *stalled.stalledFor);
  CHECK(pair.a().stats().streamsStalled == 1);
  CHECK(pair.a().stats().lostTime >= stalled.lostTime);
  relay.start();

  REQUIRE(result.wait_for(kDeadline) == std::future_status::ready);
  const auto [error, bytes] = result.get();
  CHECK_FALSE(error);
  CHECK(std::string(buffer.data(), bytes) == "said while nobody relayed");
  CHECK(endOf(pair.near, kDeadline) == std::error_code{});
  // The other direction is open still.
  pair.near.write("answer");
  REQUIRE(pair.far.read(buffer.data(), buffer.size(), kDeadline) == 6);
  REQUIRE(pair.a().streams().size() == 1);
  const StreamInfo info = pair.a().streams().front();
  CHECK(info.peer == "B");
  CHECK(info.port == kPort);
  CHECK(info.outbound);
  CHECK(info.attached);
  CHECK(info.carrier == "relay tcp");
  CHECK_FALSE(info.stalledFor);
  CHECK(info.resumes >= 1);
  CHECK(info.lostTime >= stalled.lostTime);
  CHECK(info.age > info.lostTime);
  CHECK(pair.a().stats().streamsStalled == 0);
}

TEST_CASE("A stream that was closed during an outage is over for its peer as well", "[api]") {
  Relay relay;
  Pair pair{relay};
  relay.stop();
  CHECK(pair.aEvents.wait(StreamEvent::Kind::stalled));
  pair.near.close();
  relay.start();
  endOf(pair.far, kDeadline);  // whichever it is
  CHECK(until([&] { return pair.a().stats().streams == 0; }));
}

TEST_CASE("What was written before a stream was closed arrives, however long the outage within the patience", "[api]") {
  const auto away = GENERATE(0ms, 6'000ms);
  Relay relay;
  Pair pair{relay};
  relay.stop();
  CHECK(pair.aEvents.wait(StreamEvent::Kind::stalled));
  pair.near.write("last words");
  pair.near.close();
  pair.near = {};
  std::this_thread::sleep_for(away);  // an outage is time that passes
  relay.start();
  std::string heard;
  std::array<char, 100> buffer{};
  try {
    while (const std::size_t got = pair.far.read(buffer.data(), buffer.size(), kDeadline)) heard.append(buffer.data(), got);
  } catch (const Error&) {
    // an end or a reset, as close() makes them
  }
  CHECK(heard == "last words");
}

TEST_CASE("When the patience is over both ends are told", "[api]") {
  Relay relay;
  Pair pair{relay, 1s};
  relay.stop();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(endOf(pair.near, kDeadline) == make_error_code(Errc::connection_lost));
  CHECK(std::chrono::steady_clock::now() - begin >= 900ms);
  CHECK(endOf(pair.far, kDeadline) == make_error_code(Errc::connection_lost));
  CHECK(std::chrono::steady_clock::now() - begin < 20s);
  CHECK(pair.aEvents.wait(StreamEvent::Kind::gave_up));
  CHECK(pair.bEvents.wait(StreamEvent::Kind::gave_up));
  CHECK_FALSE(pair.near.isOpen());
}

TEST_CASE("Streams that wait for a way do not keep a client from stopping", "[api]") {
  Relay relay;
  Pair pair{relay};
  relay.stop();
  CHECK(pair.aEvents.wait(StreamEvent::Kind::stalled));
  const auto begin = std::chrono::steady_clock::now();
  pair.a().stop();
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  CHECK(endOf(pair.near, 1s) == make_error_code(Errc::stopped));
}
