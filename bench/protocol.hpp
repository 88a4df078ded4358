#pragma once

#include <cstddef>
#include <cstdint>

// What the load says to the target service through whatever is measured. Numbers are in the machine's byte order:
// both ends are this program.
//
// TCP: the first byte says what the service does with the connection.
//
//   kEcho            answers kEcho at once, then sends back all that follows
//   kSink            discards; reports the bytes received so far (8 bytes) every kReportEvery of them
//   kSource          sends until the connection ends
//   kVerify          | seed (8) | length (8) | length bytes of ByteStream(seed) |
//                    answers kRight or kWrong | bytes received (8) | length bytes of ByteStream(seed + 1) and closes
//   kVerifyAfterEnd  the same, but the service answers only once it has seen the end of the client's bytes (half-close)
//   kCount           | flow (4) |  answers the number of counted datagrams of that flow so far (8); any number of times
//
// UDP: | kEchoDatagram or kCountDatagram (1) | flow (4) | anything |
namespace chuantou::bench::protocol {

inline constexpr char kEcho = 'P';
inline constexpr char kSink = 'S';
inline constexpr char kSource = 'G';
inline constexpr char kVerify = 'V';
inline constexpr char kVerifyAfterEnd = 'W';
inline constexpr char kCount = 'Q';

inline constexpr char kRight = 'K';
inline constexpr char kWrong = 'X';
inline constexpr std::size_t kVerifyHead = 16;
inline constexpr std::size_t kVerifyAnswer = 9;
inline constexpr std::uint64_t kReportEvery = 256 * 1024;

inline constexpr std::uint8_t kEchoDatagram = 'e';
inline constexpr std::uint8_t kCountDatagram = 's';
inline constexpr std::size_t kDatagramHead = 5;
inline constexpr std::size_t kLargestDatagram = 2048;

}  // namespace chuantou::bench::protocol
