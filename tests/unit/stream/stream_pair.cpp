#include "stream/stream_pair.hpp"

namespace chuantou::test {

using namespace std::chrono_literals;
using stream::ChunkPool;
using stream::ResumableStream;
using stream::WindowTuner;

StreamPair::StreamPair(std::uint64_t seed, PairRules rules)
    : random_(seed),
      rules_(rules),
      up_(seed + 1),
      down_(seed + 2),
      initiator_(kInitiator, rules.memory, up_, down_, seed % 2 == 0),
      target_(kTarget, rules.memory, down_, up_, seed % 3 == 0) {
  const auto in = [](SimSide& side) {
    return [&side](std::uint64_t id) -> const SimStream* {
      const auto found = side.streams().find(id);
      return found == side.streams().end() ? nullptr : found->second.get();
    };
  };
  initiator_.peerOf = in(target_);
  target_.peerOf = in(initiator_);
}

/// Mostly few bytes, now and then many.
std::size_t StreamPair::some() {
  if (rules_.bulk) return 1 + random_.below(rules_.largest);
  switch (random_.below(8)) {
    case 0:
      return 1 + random_.below(rules_.largest);
    case 1:
    case 2:
      return 1 + random_.below(std::min<std::size_t>(rules_.largest, 20000));
    default:
      return 1 + random_.below(200);
  }
}

SimStream* StreamPair::any(SimSide& side) {
  if (side.streams().empty()) return nullptr;
  auto it = side.streams().begin();
  std::advance(it, random_.below(side.streams().size()));
  return it->second.get();
}

void StreamPair::step() {
  now_ += std::chrono::microseconds{random_.below(3000)};
  SimSide& side = random_.below(2) == 0 ? initiator_ : target_;
  const std::size_t what = random_.below(1000);
  if (what < 400) {
    program(side);
  } else if (what < 650) {
    if (!side.lines().empty()) side.readLine(now_, *side.lines()[random_.below(side.lines().size())], some());
  } else if (what < 850) {
    if (SimStream* s = any(side)) side.pump(*s);
  } else if (what < 930) {
    if (SimStream* s = any(side)) side.lazy(*s);
  } else if (what < 960) {
    if (SimStream* s = any(side)) side.tick(*s);
  } else {
    carrier();
  }
  initiator_.sweep();
  target_.sweep();
  if (random_.below(16) == 0) retire();
  checkMemory(side);
}

void StreamPair::program(SimSide& side) {
  SimStream* s = any(side);
  const std::size_t what = random_.below(1000);
  if (s == nullptr || what < 20) return &side == &initiator_ ? openStream() : void();
  const bool gone = s->aborted || s->stream.resetReceived();
  if (what < 20 + rules_.aborts) {
    if (!gone) side.abort(*s);
  } else if (what < 40) {
    if (rules_.bulk && random_.below(10) != 0) return;
    if (!gone && s->accepted && !s->finished) side.finish(*s);
  } else if (what < 100) {
    if (!gone && !s->accepted && !s->left) side.accept(*s, random_.below(2) == 0);
  } else if (what < 550) {
    if (!gone && s->accepted && !s->finished) bytes += side.write(*s, some());
  } else if (!gone) {
    side.read(*s, some());
  }
}

void StreamPair::carrier() {
  if (initiator_.lines().empty()) return connect(false);
  SimLine& line = *initiator_.lines()[random_.below(initiator_.lines().size())];
  const std::size_t what = random_.below(40);
  if (what < rules_.cuts) {
    if (!line.carrier->dead) cut(*line.carrier);
  } else if (what < 12) {
    auto& stalled = line.carrier->stalled[random_.below(2)];
    stalled = !stalled && random_.below(3) == 0;
  } else if (what < 16) {
    SimStream* s = any(initiator_);
    if (s == nullptr || !initiator_.canSwitch(*s)) return;
    SimLine* idle = random_.below(2) == 0 ? initiator_.idleLine() : nullptr;
    // Nothing of another stream may come on it any more: this one might end before that.
    if (idle != nullptr && idle->previous != nullptr) idle = nullptr;
    initiator_.switchTo(*s, idle != nullptr ? *idle : newLine(), ++age_);
    ++switches;
  } else if (what < 18) {
    SimSide& side = random_.below(2) == 0 ? initiator_ : target_;
    if (SimStream* s = any(side)) s->stream.suspect();
  } else if (what < 20) {
    line.carrier->capacity = random_.below(3) == 0 ? 1 : 1 + random_.below(512 * 1024);
  } else if (what < 21) {
    initiator_.close(line);  // gives it up; what is under way may still come
    ++cuts;
  } else {
    connect(false);
  }
}

SimLine& StreamPair::newLine() {
  auto carrier = std::make_shared<SimCarrier>();
  carrier->capacity = 1 + random_.below(256 * 1024);
  target_.addLine(carrier);
  return initiator_.addLine(std::move(carrier));
}

void StreamPair::openStream() {
  if (initiator_.streams().size() >= rules_.mostStreams) return;
  initiator_.add(++ids_);
  if (random_.below(4) != 0) connect(true);
}

/// Streams without a carrier get one.
void StreamPair::connect(bool all) {
  for (auto& [id, s] : initiator_.streams()) {
    if (s->in != nullptr || s->out != nullptr || s->left || initiator_.over(*s)) continue;
    SimLine* idle = random_.below(4) != 0 ? initiator_.idleLine() : nullptr;
    SimLine& line = idle != nullptr ? *idle : newLine();
    if (!s->opened) {
      initiator_.open(*s, line);
    } else {
      initiator_.resume(*s, line, ++age_);
      ++resumptions;
    }
    if (!all) return;
  }
}

void StreamPair::cut(SimCarrier& carrier) {
  carrier.dead = true;
  for (SimPipe& pipe : carrier.to) {
    if (random_.below(3) != 0) pipe.cutAfter(random_.below(pipe.size() + 1));
  }
  ++cuts;
}

bool StreamPair::pumpOnce(SimSide& side) {
  bool any = false;
  for (std::size_t i = 0; i < side.lines().size(); ++i) any |= side.readLine(now_, *side.lines()[i], std::size_t{1} << 20);
  side.sweep();
  for (auto& [id, s] : side.streams()) {
    if (!s->accepted) side.accept(*s, false);
    any |= side.read(*s, std::size_t{1} << 30) > 0;
    any |= side.pump(*s);
  }
  checkMemory(side);
  return any;
}

void StreamPair::settle() {
  for (SimSide* side : {&initiator_, &target_}) {
    for (auto& line : side->lines()) line->carrier->stalled = {};
  }
  for (int rounds = 0;; ++rounds) {
    expect(rounds < 100000, "no end to it");
    now_ += 1ms;
    connect(true);
    bool busy = pumpOnce(initiator_);
    busy |= pumpOnce(target_);
    if (busy) continue;
    for (SimSide* side : {&initiator_, &target_}) {
      for (auto& [id, s] : side->streams()) busy |= side->lazy(*s);
    }
    if (!busy) break;
  }
  retire();
  for (SimSide* side : {&initiator_, &target_}) {
    for (auto& [id, s] : side->streams()) {
      const SimStream* peer = side->peerOf(id);
      if (peer == nullptr || s->aborted || peer->aborted) continue;
      expect(peer->stream.received() == s->written, "bytes that never arrive");
      expect(peer->stream.finReceived() == s->finished, "FIN that never arrives");
      expect(s->stream.unacked() == 0, "bytes that are never acknowledged");
      expect(s->stream.backlog() == 0, "bytes that nobody takes");
      expect(!s->finished || s->stream.confirmed(), "an end that is never confirmed");
      expect(s->finished || !s->accepted || !s->stream.reserve().empty(), "a program that may not go on");
    }
    expect(side->pool().held() == 0, "memory that is never given back");
  }
}

void StreamPair::end() {
  settle();
  for (int rounds = 0; rounds < 3; ++rounds) {
    for (SimSide* side : {&initiator_, &target_}) {
      for (auto& [id, s] : side->streams()) {
        if (s->accepted && !s->finished && !s->aborted && !s->stream.resetReceived()) side->finish(*s);
      }
    }
    settle();
  }
  expect(initiator_.streams().empty() && target_.streams().empty(), "streams that never end");
}

void StreamPair::retire() {
  std::vector<std::uint64_t> over;
  for (auto& [id, s] : initiator_.streams()) {
    if (!s->opened || !initiator_.over(*s)) continue;
    const SimStream* peer = initiator_.peerOf(id);
    expect(peer != nullptr, "a stream that ended before it began");
    // A target that has lost its carrier would wait for the initiator; else the last word is under way to it.
    if (target_.over(*peer) || (!peer->left && peer->in == nullptr && peer->out == nullptr)) over.push_back(id);
  }
  for (const std::uint64_t id : over) {
    const SimStream& s = *initiator_.streams().at(id);
    const SimStream* peer = initiator_.peerOf(id);
    const bool bothFin = s.stream.finReceived() && peer->stream.finReceived();
    if (!s.aborted && !peer->aborted) expect(bothFin, "an end without FIN");
    if (s.aborted) expect(peer->stream.resetReceived() || peer->aborted || bothFin, "RESET that never arrived");
    if (peer->aborted) expect(s.stream.resetReceived() || s.aborted || bothFin, "RESET that never arrived");
    repeated += s.stream.repeated() + peer->stream.repeated();
    initiator_.remove(id);
    target_.remove(id);
  }
}

void StreamPair::checkMemory(SimSide& side) {
  std::size_t streams = 0;
  for (auto& [id, s] : side.streams()) {
    expect(s->stream.backlog() <= ResumableStream::kMostUnacked, "too much waits for a program");
    ++streams;
  }
  // Chunks may be half empty when memory is short, and emptier before.
  const std::size_t least = 2 * (WindowTuner::kLeast + ChunkPool::kChunk);
  expect(side.pool().held() <= rules_.memory + streams * least, "more memory than allowed");
}

}  // namespace chuantou::test
