// The messages of RFC 5769, sections 2.1 to 2.4, and of RFC 8489, appendix B.1.
#pragma once

namespace chuantou::test {

inline constexpr const char* kVectorPassword = "VOkJxbRl1RmTxUk/WvJxBt";

inline constexpr const char* kSampleRequest =
    "00 01 00 58 |"  // Binding request, 88 bytes
    "21 12 a4 42 |"  // magic cookie
    "b7 e7 a7 01 bc 34 d6 86 fa 87 df ae |"
    "80 22 00 10 |"                                      // SOFTWARE
    "53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74 |"  // "STUN test client"
    "00 24 00 04 | 6e 00 01 ff |"                        // PRIORITY
    "80 29 00 08 | 93 2f f9 b1 51 26 3b 36 |"            // ICE-CONTROLLED
    "00 06 00 09 |"                                      // USERNAME
    "65 76 74 6a 3a 68 36 76 59 20 20 20 |"              // "evtj:h6vY", padded with spaces
    "00 08 00 14 |"                                      // MESSAGE-INTEGRITY
    "9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2 |"
    "80 28 00 04 | e5 7a 3b cf";  // FINGERPRINT

inline constexpr const char* kSampleV4Response =
    "01 01 00 3c |"  // Binding success response, 60 bytes
    "21 12 a4 42 |"
    "b7 e7 a7 01 bc 34 d6 86 fa 87 df ae |"
    "80 22 00 0b |"                          // SOFTWARE
    "74 65 73 74 20 76 65 63 74 6f 72 20 |"  // "test vector", padded with a space
    "00 20 00 08 |"                          // XOR-MAPPED-ADDRESS
    "00 01 a1 47 | e1 12 a6 43 |"            // 192.0.2.1:32853
    "00 08 00 14 |"
    "2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7 |"
    "80 28 00 04 | c0 7d 4c 96";

inline constexpr const char* kSampleV6Response =
    "01 01 00 48 |"
    "21 12 a4 42 |"
    "b7 e7 a7 01 bc 34 d6 86 fa 87 df ae |"
    "80 22 00 0b |"
    "74 65 73 74 20 76 65 63 74 6f 72 20 |"
    "00 20 00 14 |"
    "00 02 a1 47 |"  // [2001:db8:1234:5678:11:2233:4455:6677]:32853
    "01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9 |"
    "00 08 00 14 |"
    "a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41 |"
    "80 28 00 04 | c8 fb 0b 4c";

/// With long-term credentials. The key is MD5(username ":" realm ":" "TheMatrIX").
inline constexpr const char* kSampleLongTerm =
    "00 01 00 60 |"
    "21 12 a4 42 |"
    "78 ad 34 33 c6 ad 72 c0 29 da 41 2e |"
    "00 06 00 12 |"  // USERNAME, six katakana
    "e3 83 9e e3 83 88 e3 83 aa e3 83 83 e3 82 af e3 82 b9 00 00 |"
    "00 15 00 1c |"  // NONCE, "f//499k954d6OL34oL9FSTvy64sA"
    "66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79 36 34 73 41 |"
    "00 14 00 0b |"  // REALM, "example.org"
    "65 78 61 6d 70 6c 65 2e 6f 72 67 00 |"
    "00 08 00 14 |"
    "f6 70 24 65 6d d6 4a 3e 02 b8 e0 71 2e 85 c9 a2 8c a8 96 66";
inline constexpr const char* kSampleLongTermKey = "e8 ca 7a d5 9d 5e b0 51 8e 31 29 11 d2 da b2 a9";

/// With USERHASH and SHA-256. The RFC prints a length of 9c, which counts the header too, and a MAC over that (e4 68 6c
/// 8f …); this is the same message with the length that it has, 88, and the MAC that Python's hmac makes of it. The key
/// is SHA-256(username ":" realm ":" "TheMatrIX").
inline constexpr const char* kSampleSha256 =
    "00 01 00 88 |"
    "21 12 a4 42 |"
    "78 ad 34 33 c6 ad 72 c0 29 da 41 2e |"
    "00 1e 00 20 |"  // USERHASH
    "4a 3c f3 8f ef 69 92 bd a9 52 c6 78 04 17 da 0f 24 81 94 15 56 9e 60 b2 05 c4 6e 41 40 7f 17 04 |"
    "00 15 00 29 |"  // NONCE, "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"
    "6f 62 4d 61 74 4a 6f 73 32 41 41 41 43 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79 36 "
    "34"
    "73 41 00 00 00 |"
    "00 14 00 0b |"  // REALM, "example.org"
    "65 78 61 6d 70 6c 65 2e 6f 72 67 00 |"
    "00 1c 00 20 |"  // MESSAGE-INTEGRITY-SHA256
    "23 41 12 fb d4 e2 7f 98 3e b4 03 28 36 f9 98 21 6f 5b 23 f8 d9 27 75 3f bc 4f 88 2b fb df 0d ec";
inline constexpr const char* kSampleSha256Key =
    "dd 29 5a 61 3b 90 58 c3 c2 3d 6d c7 16 5b da 07 23 04 d9 89 c9 d0 af 3a 8c 7e 18 4b 4f 9b b4 a1";
/// What the RFC prints as that attribute's value.
inline constexpr const char* kSampleSha256Printed =
    "e4 68 6c 8f 0e de b5 90 13 e0 70 90 01 0a 93 ef cc bc cc 54 4c 0a 45 d9 f8 30 aa 6d 6f 73 5a 01";

}  // namespace chuantou::test
