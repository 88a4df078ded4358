#include "stream/sim_side.hpp"

#include "base/bytes.hpp"

namespace chuantou::test {

using stream::ResumableStream;
using wire::FrameType;
using Verdict = FrameReader::Verdict;

// --------------------------------------------------------------------- streams

SimStream& SimSide::add(std::uint64_t id) {
  const auto role = side_ == kInitiator ? ResumableStream::Role::initiator : ResumableStream::Role::target;
  auto& s = streams_[id];
  s = std::make_unique<SimStream>(role, pool_, id);
  s->accepted = side_ == kInitiator;
  return *s;
}

void SimSide::remove(std::uint64_t id) {
  done_.insert(id);
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  SimStream& s = *found->second;
  for (auto& line : lines_) {
    if (line->previous == &s) line->previous = nullptr;
  }
  forgetLines(s);
  streams_.erase(found);
}

bool SimSide::over(const SimStream& s) const noexcept {
  if (!s.stream.confirmed()) return false;
  return s.left || (s.in == nullptr && s.out == nullptr && (s.stream.finReceived() || s.stream.resetReceived()));
}

// -------------------------------------------------------------- local programs

std::size_t SimSide::write(SimStream& s, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const auto room = s.stream.reserve();
    if (room.empty()) break;
    expect(room.size() <= stream::ChunkPool::kChunk, "room for more than a chunk");
    const std::size_t n = std::min(room.size(), bytes - done);
    out_.fill(s.written, room.first(n));
    s.stream.commit(n);
    s.written += n;
    done += n;
    expect(s.stream.sent() == s.written, "bytes of the program got lost at once");
    if (bytes % 3 != 0) pump(s);
  }
  return done;
}

std::size_t SimSide::read(SimStream& s, std::size_t bytes) {
  if (!s.accepted) return 0;
  const std::size_t n = std::min(bytes, s.stream.backlog());
  if (n == 0) return 0;
  s.stream.delivered(n);
  if (s.stream.ackDue()) pump(s);
  if (n > 100 && n % 7 == 0) s.stream.undelivered(n / 7);  // the program's socket is full
  return n;
}

void SimSide::finish(SimStream& s) {
  s.stream.finish();
  s.finished = true;
}

void SimSide::abort(SimStream& s) {
  s.stream.abort();
  s.aborted = true;
  leaveIfDone(s);
}

void SimSide::accept(SimStream& s, bool atOnce) {
  s.accepted = true;
  s.stream.accept(atOnce);
}

// -------------------------------------------------------------------- carriers

SimLine& SimSide::addLine(std::shared_ptr<SimCarrier> carrier) {
  lines_.push_back(std::make_unique<SimLine>());
  lines_.back()->carrier = std::move(carrier);
  return *lines_.back();
}

SimLine* SimSide::idleLine() {
  for (auto& line : lines_) {
    if (!line->closed && line->current == nullptr) return line.get();
  }
  return nullptr;
}

bool SimSide::push(SimLine& line, std::span<const std::uint8_t> bytes) {
  if (!line.carrier->dead) line.carrier->to[1 - side_].push(bytes);
  return true;
}

namespace {
wire::OpenFrame openFrame(std::uint64_t id) {
  wire::OpenFrame open;
  open.port = 1;
  storeU64(open.id.bytes.data(), id);
  return open;
}
}  // namespace

void SimSide::open(SimStream& s, SimLine& line) {
  s.opened = true;
  s.in = s.out = &line;
  line.current = &s;
  s.stream.attachOpening(wire::encodeOpen(openFrame(s.id), 0));
}

void SimSide::resume(SimStream& s, SimLine& line, std::uint32_t age) {
  s.in = s.out = &line;
  s.left = false;
  s.resuming = true;
  line.current = &s;
  const std::uint8_t flags = s.stream.answered() ? wire::kFlagAnswered : 0;
  s.stream.attachResuming(wire::encodeResume({openFrame(s.id), s.stream.position(), age}, flags));
}

bool SimSide::canSwitch(const SimStream& s) const noexcept {
  return s.in != nullptr && s.in == s.out && s.next == nullptr && !s.resuming && s.stream.answered();
}

void SimSide::switchTo(SimStream& s, SimLine& line, std::uint32_t age) {
  push(line, wire::encodeResume({openFrame(s.id), s.stream.position(), age}, wire::kFlagAnswered | wire::kFlagSwitch));
  s.next = &line;
  line.current = &s;
  s.stream.switchOver();
}

bool SimSide::readLine(TimePoint now, SimLine& line, std::size_t bytes) {
  if (line.closed) return false;
  SimPipe& from = pipe(line);
  if (line.carrier->dead && (from.size() == 0 || !readable(line))) {
    close(line);
    return true;
  }
  if ((line.carrier->stalled[side_] && !line.carrier->dead) || !readable(line) || from.size() == 0) return false;
  const auto shared = line.carrier;  // the line may go
  const std::vector<std::uint8_t> taken(from.front().begin(), from.front().begin() + static_cast<std::ptrdiff_t>(std::min(bytes, from.size())));
  const std::size_t n = line.reader.read(
      taken, [&](const auto& header, auto payload) { return onFrame(now, line, header, payload); },
      [&](auto data) { return onData(line, data); });
  expect(!line.reader.failed(), "frames that are none");
  from.pop(n);
  return true;
}

SimStream* SimSide::owner(SimLine& line) {
  if (line.previous != nullptr && line.previous->stream.confirmed()) free(line);
  return line.previous != nullptr ? line.previous : line.current;
}

void SimSide::free(SimLine& line) {
  line.previous->stream.detach();
  line.previous = nullptr;
}

Verdict SimSide::onData(SimLine& line, std::span<const std::uint8_t> bytes) {
  SimStream* s = owner(line);
  expect(s != nullptr && s == line.current, "bytes on a carrier where no stream is");
  expect(in_.matches(s->stream.received(), bytes), "other bytes than were sent");
  expect(s->stream.receive(bytes.size()), "honest bytes that were refused");
  const SimStream* peer = peerOf(s->id);
  expect(peer != nullptr && s->stream.received() <= peer->written, "more bytes than were sent");
  return Verdict::go;
}

Verdict SimSide::onFrame(TimePoint now, SimLine& line, const wire::FrameHeader& header, std::span<const std::uint8_t> payload) {
  if (header.type == FrameType::open) return onOpen(line, payload);
  if (header.type == FrameType::resume) return onResume(line, header.flags, payload);
  SimStream* s = owner(line);
  if (header.type == FrameType::switchOver && (s == nullptr || s != line.current)) {
    // Has left in the middle of being moved: the other side resumes it, or knows that it is over.
    expect(side_ == kTarget, "SWITCH of a stream that has left");
    close(line);
    return Verdict::stop;
  }
  expect(s != nullptr, "a frame on a carrier where no stream is");
  const SimStream* peer = peerOf(s->id);
  expect(peer != nullptr, "a frame of a stream that is over");
  if (s == line.current && s->stream.awaitsAnswer()) {
    // So that a driver may take these for the stream before.
    expect(header.type != FrameType::ack && header.type != FrameType::reset && header.type != FrameType::fin, "a frame before the answer");
  }
  switch (s->stream.handle(now, header, payload)) {
    case Event::violation:
      expect(false, "an honest frame that was refused");
      break;
    case Event::fin:
      expect(peer->finished && s->stream.received() == peer->written, "FIN before the last byte");
      break;
    case Event::reset:
      expect(peer->aborted || s->aborted, "RESET that nobody sent");
      break;
    case Event::answered:
      expect(peer->accepted || peer->aborted || peer->stream.resetReceived(), "an answer that nobody gave");
      break;
    case Event::switched:
      onSwitched(line, s);
      return Verdict::stop;
    default:
      break;
  }
  if (header.type == FrameType::resumed) s->resuming = false;
  if (line.previous == s) {
    if (s->stream.confirmed()) free(line);
  } else {
    leaveIfDone(*s);
  }
  return readable(line) ? Verdict::go : Verdict::stop;
}

void SimSide::onSwitched(SimLine& line, SimStream* s) {
  expect(s->in == &line, "SWITCH on another carrier");
  if (s->next == nullptr) {
    expect(side_ == kTarget && !s->switchSeen, "SWITCH that nobody asked for");
    s->switchSeen = true;
    s->in = nullptr;
    return;
  }
  s->in = s->next;
  endSwitchIfDone(*s);
}

Verdict SimSide::onOpen(SimLine& line, std::span<const std::uint8_t> payload) {
  expect(side_ == kTarget, "OPEN to an initiator");
  const auto open = wire::decodeOpen(payload);
  expect(open.ok(), "an OPEN that is none");
  const std::uint64_t id = loadU64(open.value().id.bytes.data());
  if (done_.contains(id) || streams_.contains(id)) {  // it was resumed before it came
    expect(line.carrier->dead, "OPEN twice on living carriers");
    close(line);
    return Verdict::stop;
  }
  // What is owed to the last stream is little, and must not wait.
  if (line.current != nullptr) pumpAll(*line.current, true);
  expect(line.current == nullptr && owner(line) == nullptr, "OPEN before the last stream was over");
  SimStream& s = add(id);
  s.in = s.out = &line;
  line.current = &s;
  s.stream.attach();
  return Verdict::go;
}

Verdict SimSide::onResume(SimLine& line, std::uint8_t flags, std::span<const std::uint8_t> payload) {
  expect(side_ == kTarget, "RESUME to an initiator");
  const auto resume = wire::decodeResume(payload);
  expect(resume.ok(), "a RESUME that is none");
  if (line.current != nullptr) pumpAll(*line.current, true);
  expect(line.current == nullptr && owner(line) == nullptr, "RESUME before the last stream was over");
  const std::uint64_t id = loadU64(resume.value().open.id.bytes.data());
  const auto found = streams_.find(id);
  const bool known = found != streams_.end();
  expect(known || done_.contains(id) || (flags & wire::kFlagAnswered) == 0, "RESUME of a stream that never was");
  if (done_.contains(id) || (known && resume.value().ageMs <= found->second->age)) {  // overtaken
    close(line);
    return Verdict::stop;
  }
  SimStream& s = known ? *found->second : add(id);
  s.age = resume.value().ageMs;
  if ((flags & wire::kFlagSwitch) != 0) {
    if (s.left || s.out == nullptr || s.next != nullptr) {
      close(line);
      return Verdict::stop;
    }
    s.next = &line;
    line.current = &s;
    if (s.switchSeen) s.in = &line;
    s.stream.switchOver();
    return readable(line) ? Verdict::go : Verdict::stop;
  }
  expect(s.stream.attachResumed(resume.value().position), "an honest RESUME that was refused");
  forgetLines(s);
  s.in = s.out = &line;
  line.current = &s;
  return Verdict::go;
}

bool SimSide::pump(SimStream& s) { return pumpAll(s, false); }

bool SimSide::pumpAll(SimStream& s, bool force) {
  bool any = false;
  while (s.out != nullptr && (force || !congested(*s.out) || s.out->carrier->dead)) {
    const bool owed = s.stream.switchOwed();
    const auto bytes = s.stream.next();
    if (bytes.empty()) break;
    any = push(*s.out, bytes);
    if (owed && !s.stream.switchOwed()) {
      s.out = s.next;
      endSwitchIfDone(s);
    }
  }
  leaveIfDone(s);
  return any;
}

void SimSide::endSwitchIfDone(SimStream& s) {
  if (s.next == nullptr || s.in != s.next || s.out != s.next) return;
  for (auto& line : lines_) {
    if (line->current == &s && line.get() != s.next) line->current = nullptr;
  }
  s.next = nullptr;
  s.switchSeen = false;
  leaveIfDone(s);
}

void SimSide::leaveIfDone(SimStream& s) {
  if (s.out == nullptr || s.in != s.out || s.next != nullptr || s.switchSeen || !s.stream.leavable()) return;
  SimLine& line = *s.out;
  expect(owner(line) == &s, "a stream that leaves before its predecessor was confirmed");
  line.current = nullptr;
  s.in = s.out = nullptr;
  s.left = true;
  const bool confirmed = s.stream.confirmed();
  if (!confirmed) line.previous = &s;
  if (confirmed || detachesWhenLeaving_) s.stream.detach();
}

bool SimSide::lazy(SimStream& s) {
  if (!s.stream.hasLazy()) return false;
  s.stream.wantAck();
  return pump(s);
}

void SimSide::tick(SimStream& s) {
  if (!s.stream.tick()) {
    if (s.out != nullptr) close(*s.out);
    return;
  }
  pump(s);
}

void SimSide::forgetLines(SimStream& s) {
  s.in = s.out = s.next = nullptr;
  s.switchSeen = s.resuming = s.left = false;
  for (auto& line : lines_) {
    if (line->current != &s && line->previous != &s) continue;
    if (line->current == &s) line->current = nullptr;
    if (line->previous == &s) line->previous = nullptr;
    close(*line);
  }
}

void SimSide::close(SimLine& line) {
  if (line.closed) return;
  line.closed = true;
  line.carrier->dead = true;
  for (SimStream* s : {std::exchange(line.current, nullptr), std::exchange(line.previous, nullptr)}) {
    if (s == nullptr) continue;
    s->stream.detach();
    forgetLines(*s);
  }
}

void SimSide::sweep() {
  std::erase_if(lines_, [](const auto& line) { return line->closed; });
}

}  // namespace chuantou::test
