// ctc's admin page: the files of page/, which the build has put into the program. They are the same for everybody and hold
// no data; their script calls the admin API with the token of the link that `ctc admin` prints.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http.hpp"

namespace chuantou::daemon {

/// Nothing where the page has no file at this path.
std::optional<net::HttpResponse> adminPageFile(std::string_view path);

/// For every answer on the page's port, JSON as well, so that whatever a browser makes of one is harmless: scripts, styles and calls of
/// this port only, no frames, nothing told to other sites.
const std::vector<std::pair<std::string_view, std::string_view>>& adminPageHeaders();

}  // namespace chuantou::daemon
