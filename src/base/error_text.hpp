// The sentences of errors, in English and Chinese, and their names on the wire.
#pragma once

#include <string>
#include <string_view>

#include "chuantou/error.hpp"

namespace chuantou {

/// The whole sentence for a person: what failed, on what, and what to do.
std::string errorSentence(Errc code, std::string_view subject, std::string_view detail, Language language);
/// The code's name as messages carry it ("peer_offline"); empty for local codes.
std::string_view wireName(Errc code);
/// protocol_error for names that this version does not know.
Errc fromWireName(std::string_view name);
/// For the REJECT frame.
Errc fromWireNumber(unsigned number);

}  // namespace chuantou
