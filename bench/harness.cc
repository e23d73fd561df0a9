// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <map>
#include <thread>

namespace sockeye::bench {

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

namespace {

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

Effort Effort::operations(std::uint64_t count) {
  Effort effort(0);
  effort.count_ = count;
  return effort;
}

bool Effort::goes_on(std::uint64_t done) {
  done_ = done;
  now_ = seconds_now();
  if (begin_ == 0) begin_ = now_;
  return count_ > 0 ? done < count_ : elapsed() < seconds_;
}

double probe_cache_line_ns() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return -1;
  alignas(128) static std::atomic<int> line;
  constexpr int kTrips = 20000;
  line.store(0);
  std::thread other([] {
    pin_to(1);
    for (int i = 0; i < kTrips; ++i) {
      while (line.load(std::memory_order_acquire) != 2 * i + 1) {
      }
      line.store(2 * i + 2, std::memory_order_release);
    }
  });
  double begin = 0;
  std::thread here([&begin] {
    pin_to(0);
    for (int i = 0; i < kTrips; ++i) {
      if (i == kTrips / 4) begin = seconds_now();  // the first quarter wakes the other processor
      line.store(2 * i + 1, std::memory_order_release);
      while (line.load(std::memory_order_acquire) != 2 * i + 2) {
      }
    }
    begin = seconds_now() - begin;
  });
  here.join();
  other.join();
  return begin * 1e9 / (kTrips - kTrips / 4);
}

std::string placement_label(double round_trip_ns) {
  if (round_trip_ns < 0) return "one-cpu";
  if (round_trip_ns < 80) return "smt";
  return round_trip_ns < 250 ? "near" : "far";
}

std::vector<Figure> run(const Comparison& comparison, int rounds) {
  std::vector<std::vector<double>> values(comparison.contestants.size());
  std::map<std::string, int> labels;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < comparison.contestants.size(); ++i) {
      const double value = comparison.contestants[i].measure();
      if (value >= 0) values[i].push_back(value);
    }
    ++labels[placement_label(probe_cache_line_ns())];
  }
  std::string label;
  for (const auto& [name, count] : labels) label += (label.empty() ? "" : "+") + name;
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Figure figure;
    figure.comparison = comparison.name;
    figure.contestant = comparison.contestants[i].name;
    figure.unit = comparison.unit;
    figure.placement = label;
    figure.rounds = static_cast<int>(values[i].size());
    figure.skipped = values[i].empty();
    if (!figure.skipped) {
      figure.median = median_of(values[i]);
      const auto [low, high] = std::minmax_element(values[i].begin(), values[i].end());
      figure.best = comparison.more_is_better ? *high : *low;
      figure.worst = comparison.more_is_better ? *low : *high;
    }
    figures.push_back(figure);
  }
  const Figure& ours = figures.front();
  for (Figure& figure : figures) {
    if (figure.skipped || ours.skipped || figure.median <= 0 || ours.median <= 0) continue;
    figure.ratio = comparison.more_is_better ? ours.median / figure.median : figure.median / ours.median;
  }
  return figures;
}

void print(const Comparison& comparison, const std::vector<Figure>& figures) {
  std::printf("%s: %s (%s)\n", comparison.name.c_str(), comparison.what.c_str(), comparison.unit.c_str());
  for (const Figure& figure : figures) {
    if (figure.skipped) {
      std::printf("  %-12s skipped\n", figure.contestant.c_str());
      continue;
    }
    std::printf("  %-12s median %12.4g  best %12.4g  worst %12.4g  %d rounds, %s", figure.contestant.c_str(),
                figure.median, figure.best, figure.worst, figure.rounds, figure.placement.c_str());
    if (&figure != &figures.front()) std::printf("  ratio %.3f", figure.ratio);
    std::printf("\n");
  }
  std::fflush(stdout);
}

void print_row(const Comparison& comparison, const std::vector<Figure>& figures) {
  std::printf("| `%s` | %s | %s |", comparison.name.c_str(), comparison.what.c_str(),
              comparison.unit.c_str());
  for (const Figure& figure : figures) {
    if (figure.skipped) {
      std::printf(" %s: skipped |", figure.contestant.c_str());
      continue;
    }
    std::printf(" %s %.4g (%.4g to %.4g)", figure.contestant.c_str(), figure.median, figure.worst,
                figure.best);
    if (&figure != &figures.front()) std::printf(", **%.2f**", figure.ratio);
    std::printf(" |");
  }
  if (figures.size() == 2) std::printf(" |");
  std::printf(" %d, %s |\n", figures.front().rounds, figures.front().placement.c_str());
  std::fflush(stdout);
}

bool write_json(const std::string& path, const std::vector<Figure>& figures) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  std::fprintf(file, "[\n");
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const Figure& f = figures[i];
    std::fprintf(
        file,
        "  {\"name\": \"%s\", \"contestant\": \"%s\", \"unit\": \"%s\", \"skipped\": %s, \"median\": %.6g, "
        "\"best\": %.6g, \"worst\": %.6g, \"ratio\": %.6g, \"rounds\": %d, \"placement\": \"%s\"}%s\n",
        f.comparison.c_str(), f.contestant.c_str(), f.unit.c_str(), f.skipped ? "true" : "false", f.median,
        f.best, f.worst, f.ratio, f.rounds, f.placement.c_str(), i + 1 < figures.size() ? "," : "");
  }
  std::fprintf(file, "]\n");
  return std::fclose(file) == 0;
}

}  // namespace sockeye::bench
