#include "engine/client/ping_series.hpp"

#include "base/bytes.hpp"

namespace chuantou::engine {

std::optional<PingSeries::Question> PingSeries::pollQuestion(TimePoint now, RandomSource& random) {
  if (allAsked() || now < nextAsk_) return std::nullopt;
  const std::uint64_t chance = random.next();
  Question question;
  storeU64(question.data(), asked_.size());
  storeU64(question.data() + 8, chance);
  asked_.push_back(Asked{chance, now, std::nullopt});
  nextAsk_ = now + interval_;
  return question;
}

bool PingSeries::handleAnswer(TimePoint now, std::span<const std::uint8_t> bytes) {
  if (bytes.size() != kSize) return false;
  const std::uint64_t number = loadU64(bytes.data());
  if (number >= asked_.size()) return false;
  Asked& asked = asked_[static_cast<std::size_t>(number)];
  if (asked.took || loadU64(bytes.data() + 8) != asked.chance || now - asked.at > patience_) return false;
  asked.took = std::chrono::duration_cast<std::chrono::microseconds>(now - asked.at);
  ++answered_;
  return true;
}

std::vector<std::optional<std::chrono::microseconds>> PingSeries::roundTrips() const {
  std::vector<std::optional<std::chrono::microseconds>> out;
  for (const Asked& asked : asked_) out.push_back(asked.took);
  return out;
}

}  // namespace chuantou::engine
