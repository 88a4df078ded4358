#include "comparison.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "integrity_check.hpp"
#include "proc_stat.hpp"

namespace chuantou::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCheckedBytes = 32 << 20;
constexpr std::uint64_t kCheckedAfterEnd = 1 << 20;
constexpr double kNoisy = 0.15;  // a step with more load from others is run once more

// What share of the processors others take from now on.
class OtherLoad {
 public:
  double share() const {
    const double spent = machineBusySeconds() - busy_ - (ownSeconds() - own_);
    const double available =
        secondsBetween(begun_, Clock::now()) * static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
    return std::max(0.0, spent / available);
  }

 private:
  static double ownSeconds() { return cpuSeconds(withDescendants({::getpid()})); }

  Time begun_ = Clock::now();
  double busy_ = machineBusySeconds();
  double own_ = ownSeconds();
};

struct Running {
  const Recipe* recipe;
  System system;
};

class Comparison {
 public:
  Comparison(const std::vector<Recipe>& recipes, const Settings& settings, fs::path folder)
      : recipes_(recipes), settings_(settings), folder_(std::move(folder)), works_(wantedWorks(settings)) {
    for (const Recipe& recipe : recipes_) report_.systems.push_back({recipe.name, recipe.title});
    for (const Work& work : works_) {
      firstRow_.push_back(report_.rows.size());
      for (const Figure& figure : work.figures) report_.rows.push_back({figure, {}});
    }
  }

  Report run() {
    target_ = {freePort(), freePort()};
    const Process service = startService(target_, folder_);
    for (std::size_t i = 0; i < works_.size(); ++i)
      if (works_[i].needsFreshSystem) runOnFresh(i);
    std::vector<Running> running;
    for (const Recipe& recipe : recipes_)
      attempt(recipe, "start", [&] { running.push_back({&recipe, start(recipe)}); });
    checkAll(running);
    for (std::size_t i = 0; i < works_.size(); ++i)
      if (!works_[i].needsFreshSystem) runInTurn(i, running);
    return std::move(report_);
  }

 private:
  static std::vector<Work> wantedWorks(const Settings& settings) {
    std::vector<Work> works = allWorks();
    if (!settings.only.empty())
      std::erase_if(works, [&settings](const Work& work) {
        return std::none_of(settings.only.begin(), settings.only.end(),
                            [&work](const std::string& name) { return work.isNamed(name); });
      });
    return works;
  }

  System start(const Recipe& recipe) { return startSystem(recipe, target_, folder_ / recipe.name); }

  void remark(const Recipe& recipe, const std::string& step, const std::string& text) {
    std::string line = fmt::format("{}, {}: {}", recipe.title, step, text);
    if (std::find(report_.remarks.begin(), report_.remarks.end(), line) == report_.remarks.end())
      report_.remarks.push_back(std::move(line));
  }

  template <class Step>
  void attempt(const Recipe& recipe, const std::string& step, const Step& run) try {
    run();
  } catch (const Failure& failure) {
    remark(recipe, step, failure.what());
    report_.failed = true;
  }

  void showProgress(std::size_t work, int round) const {
    fmt::print(stderr, "{}, round {} of {}\n", works_[work].title, round + 1, settings_.rounds);
  }

  void runOnFresh(std::size_t work) {
    for (int round = 0; round < settings_.rounds; ++round) {
      showProgress(work, round);
      for (const Recipe& recipe : recipes_) {
        attempt(recipe, works_[work].title, [&] {
          const System system = start(recipe);
          record(work, recipe, measure(works_[work], recipe, system));
        });
      }
    }
  }

  void runInTurn(std::size_t work, const std::vector<Running>& running) {
    for (int round = 0; round < settings_.rounds; ++round) {
      showProgress(work, round);
      for (const Running& entry : running) {
        if (works_[work].needsUdp && !entry.system.udp) continue;
        attempt(*entry.recipe, works_[work].title, [&] {
          awaitQuiet(entry.system);
          record(work, *entry.recipe, measureQuietly(works_[work], *entry.recipe, entry.system));
        });
      }
    }
  }

  Outcome measure(const Work& work, const Recipe& recipe, const System& system) const {
    return work.run({recipe.name, system, target_, settings_.span, settings_.connections});
  }

  // Once more where other programs disturbed it; the quieter one counts.
  Outcome measureQuietly(const Work& work, const Recipe& recipe, const System& system) {
    OtherLoad first;
    Outcome outcome = measure(work, recipe, system);
    double others = first.share();
    if (others > kNoisy) {
      awaitQuiet(system);
      OtherLoad second;
      Outcome again = measure(work, recipe, system);
      if (const double now = second.share(); now < others) {
        outcome = std::move(again);
        others = now;
      }
    }
    report_.mostOtherLoad = std::max(report_.mostOtherLoad, others);
    return outcome;
  }

  void record(std::size_t work, const Recipe& recipe, const Outcome& outcome) {
    for (std::size_t i = 0; i < outcome.values.size(); ++i)
      if (std::isfinite(outcome.values[i]))
        report_.rows[firstRow_[work] + i].values[recipe.name].add(outcome.values[i]);
    if (!outcome.remark.empty()) remark(recipe, works_[work].title, outcome.remark);
  }

  void checkAll(const std::vector<Running>& running) {
    Report::Check bytes{"bytes, 32 MB each way", {}};
    Report::Check halfClose{"half-close, 1 MB each way", {}};
    Report::Check datagrams{"datagrams, 5 to 1400 B", {}};
    for (const auto& [recipe, system] : running) {
      fmt::print(stderr, "checking {}\n", recipe->title);
      note(bytes, *recipe, checkBytes(system.tcp, kCheckedBytes));
      note(halfClose, *recipe, checkHalfClose(system.tcp, kCheckedAfterEnd));
      if (system.udp) note(datagrams, *recipe, checkDatagrams(*system.udp));
    }
    report_.checks = {std::move(bytes), std::move(halfClose), std::move(datagrams)};
  }

  void note(Report::Check& check, const Recipe& recipe, const Complaint& complaint) {
    check.complaints[recipe.name] = complaint;
    if (complaint.empty()) return;
    remark(recipe, check.title, complaint);
    if (recipe.name == kSubject) report_.failed = true;  // what others get wrong is their affair
  }

  const std::vector<Recipe>& recipes_;
  const Settings& settings_;
  fs::path folder_;
  std::vector<Work> works_;
  std::vector<std::size_t> firstRow_;  // of each work, in report_.rows
  Target target_;
  Report report_;
};

}  // namespace

Report compare(const std::vector<Recipe>& recipes, const Settings& settings, const fs::path& folder) {
  return Comparison(recipes, settings, folder).run();
}

}  // namespace chuantou::bench
