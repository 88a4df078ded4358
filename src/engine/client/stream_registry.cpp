#include "engine/client/stream_registry.hpp"

namespace chuantou::engine {

namespace {
constexpr std::chrono::seconds kTick{1};
/// How long an acknowledgement waits for something to travel with: less than anybody waits for room.
constexpr Millis kLazy{25};
/// Each migration needs a handshake; connections of the users come first.
constexpr std::size_t kMigrationsPerTick = 64;
/// Unacknowledged bytes of all streams together, beyond which each keeps to its least.
constexpr std::size_t kMostUnacked = 512 * 1024 * 1024;
}  // namespace

StreamRegistry::StreamRegistry(net::IoThread& thread, const Logger& log, Listener listener)
    : log_(log), listener_(std::move(listener)), chunks_(kMostUnacked), tickTimer_(thread.context()), lazyTimer_(thread.context()) {}

StreamRegistry::~StreamRegistry() = default;

void StreamRegistry::add(std::shared_ptr<CarriedStream> stream) {
  const CarriedStream* key = stream.get();
  streams_.emplace(key, std::move(stream));
  if (!ticking_) armTick();
}

void StreamRegistry::remove(const CarriedStream& stream) {
  const auto it = streams_.find(&stream);
  if (it == streams_.end()) return;
  past_.repeatedBytes += stream.core_.repeated();
  past_.lostTime += stream.lostTime(Clock::now());
  const auto kept = std::move(it->second);
  streams_.erase(it);
}

std::vector<std::shared_ptr<CarriedStream>> StreamRegistry::all() const {
  std::vector<std::shared_ptr<CarriedStream>> out;
  out.reserve(streams_.size());
  for (const auto& [key, stream] : streams_) out.push_back(stream);
  return out;
}

void StreamRegistry::armTick() {
  ticking_ = !streams_.empty();
  if (!ticking_) return;
  tickTimer_.expires_after(kTick);
  tickTimer_.async_wait([this](const net::ErrorCode& ec) {
    if (ec) return;
    const TimePoint now = Clock::now();
    for (const auto& stream : all()) stream->tick(now);
    migrateSome();
    armTick();
  });
}

void StreamRegistry::flushSoon(std::shared_ptr<CarriedStream> stream) {
  lazy_.push_back(std::move(stream));
  if (lazy_.size() > 1) return;
  lazyTimer_.expires_after(kLazy);
  lazyTimer_.async_wait([this](const net::ErrorCode& ec) {
    if (ec) return;
    for (const auto& one : std::exchange(lazy_, {})) one->flushLazy();
  });
}

void StreamRegistry::onRegistered() {
  for (const auto& stream : all()) stream->onRegistered();
}

void StreamRegistry::suspectAll() {
  for (const auto& stream : all()) stream->suspect();
}

std::size_t StreamRegistry::migrateAll() {
  toMigrate_.clear();
  for (const auto& stream : all()) {
    if (stream->role_ == CarriedStream::Role::initiator && stream->attached()) toMigrate_.push_back(stream);
  }
  const std::size_t count = toMigrate_.size();
  migrateSome();
  return count;
}

void StreamRegistry::migrateSome() {
  for (std::size_t n = 0; n < kMigrationsPerTick && !toMigrate_.empty(); ++n) {
    const auto stream = toMigrate_.back().lock();
    toMigrate_.pop_back();
    if (stream) stream->migrate();
  }
}

void StreamRegistry::giveUpAll(const Error& error) {
  for (const auto& stream : all()) stream->giveUp(error);
}

void StreamRegistry::endAll() {
  for (const auto& stream : all()) stream->endNow();
  tickTimer_.cancel();
  lazyTimer_.cancel();
  lazy_.clear();
}

// ---------------------------------------------------------------------- figures

void StreamRegistry::tell(StreamEvent::Kind kind, const CarriedStream& stream, std::error_code reason) {
  if (listener_) listener_(StreamEvent{kind, stream.info(), reason});
}

void StreamRegistry::onStalled(const CarriedStream& stream, const char* why) {
  ++past_.stalls;
  log_.log(LogLevel::info, "stream", "{} ({}:{}) stalled: {}", stream.id_.shortHex(), stream.peer_.str(), stream.port_, why);
  tell(StreamEvent::Kind::stalled, stream, Errc::connection_lost);
}

void StreamRegistry::onResumed(const CarriedStream& stream) {
  ++past_.resumes;
  const StreamInfo info = stream.info();
  log_.log(LogLevel::info, "stream", "{} ({}:{}) resumed by {}; {} ms lost so far", info.id, info.peer, info.port, info.carrier, info.lostTime.count());
  tell(StreamEvent::Kind::resumed, stream, {});
}

void StreamRegistry::onMigrated(const CarriedStream& stream) {
  ++past_.migrations;
  log_.log(LogLevel::debug, "stream", "{} ({}:{}) is on another carrier", stream.id_.shortHex(), stream.peer_.str(), stream.port_);
  tell(StreamEvent::Kind::migrated, stream, {});
}

void StreamRegistry::onGivenUp(const CarriedStream& stream, const Error& error) {
  ++past_.givenUp;
  log_.log(LogLevel::warn, "stream", "{} ({}:{}) gave up: {}", stream.id_.shortHex(), stream.peer_.str(), stream.port_, error.message(log_.language()));
  tell(StreamEvent::Kind::gave_up, stream, error.code());
}

StreamRegistry::Figures StreamRegistry::figures() const {
  Figures out = past_;
  const TimePoint now = Clock::now();
  for (const auto& [key, stream] : streams_) {
    out.repeatedBytes += stream->core_.repeated();
    out.lostTime += stream->lostTime(now);
    if (stream->stalled()) ++out.stalledNow;
  }
  return out;
}

std::vector<StreamInfo> StreamRegistry::list() const {
  std::vector<StreamInfo> out;
  for (const auto& [key, stream] : streams_) out.push_back(stream->info());
  return out;
}

}  // namespace chuantou::engine
