#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace chuantou::bench {

// Values of one kind and their order statistics; NaN where there are none.
class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  bool empty() const { return values_.empty(); }
  std::size_t size() const { return values_.size(); }
  const std::vector<double>& values() const { return values_; }

  double quantile(double q) const {
    if (values_.empty()) return std::numeric_limits<double>::quiet_NaN();
    std::vector<double> sorted = values_;
    const auto wanted = static_cast<std::size_t>(q * static_cast<double>(sorted.size()));
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(wanted, sorted.size() - 1));
    std::nth_element(sorted.begin(), at, sorted.end());
    return *at;
  }
  double least() const { return quantile(0); }
  double most() const { return quantile(1); }

  // The middle value, or the mean of the two middle ones.
  double median() const {
    if (values_.size() % 2 == 1 || values_.empty()) return quantile(0.5);
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    return (sorted[sorted.size() / 2 - 1] + sorted[sorted.size() / 2]) / 2;
  }

 private:
  std::vector<double> values_;
};

}  // namespace chuantou::bench
