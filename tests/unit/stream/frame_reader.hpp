// Takes frames from bytes as they come: DATA in parts, all others whole.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "wire/carrier_frame.hpp"

namespace chuantou::test {

class FrameReader {
 public:
  enum class Verdict { go, stop, fail };

  /// Calls `onFrame(header, payload)` and `onData(bytes)` until the bytes are used up, one of them says no, or they are not
  /// frames. Returns how many bytes it has taken. `failed` says how it ended.
  template <class OnFrame, class OnData>
  std::size_t read(std::span<const std::uint8_t> bytes, OnFrame&& onFrame, OnData&& onData) {
    const std::size_t all = bytes.size();
    while (!bytes.empty() && !failed_) {
      Verdict verdict = Verdict::go;
      if (dataLeft_ > 0) {
        const auto part = bytes.first(std::min(bytes.size(), dataLeft_));
        bytes = bytes.subspan(part.size());
        dataLeft_ -= part.size();
        verdict = onData(part);
      } else {
        const std::size_t n = std::min(bytes.size(), wanted_ - have_);
        std::memcpy(frame_.data() + have_, bytes.data(), n);
        bytes = bytes.subspan(n);
        have_ += n;
        if (have_ == wanted_) verdict = whole(onFrame);
      }
      failed_ = failed_ || verdict == Verdict::fail;
      if (verdict == Verdict::stop) break;
    }
    return all - bytes.size();
  }
  bool failed() const noexcept { return failed_; }
  /// Between two frames.
  bool clean() const noexcept { return have_ == 0 && dataLeft_ == 0; }

 private:
  template <class OnFrame>
  Verdict whole(OnFrame&& onFrame) {
    const auto header = wire::decodeHeader(std::span{frame_}.first<wire::kFrameHeaderSize>());
    if (!header) return Verdict::fail;
    if (header.value().type == wire::FrameType::data) {
      dataLeft_ = header.value().length;
      have_ = 0;
      return Verdict::go;
    }
    wanted_ = wire::kFrameHeaderSize + header.value().length;
    if (have_ < wanted_) return Verdict::go;
    have_ = 0;
    wanted_ = wire::kFrameHeaderSize;
    return onFrame(header.value(), std::span{frame_}.subspan(wire::kFrameHeaderSize, header.value().length));
  }

  std::array<std::uint8_t, wire::kFrameHeaderSize + wire::kMaxFramePayload> frame_{};
  std::size_t have_ = 0;
  std::size_t wanted_ = wire::kFrameHeaderSize;
  std::size_t dataLeft_ = 0;
  bool failed_ = false;
};

}  // namespace chuantou::test
