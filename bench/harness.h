// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// How a figure is made: the contestants of a comparison run in turn, round after round, in one
// process, so that a machine whose speed drifts drifts for all of them; a figure is the median over
// the rounds and what is published is its ratio to the rival's. Before and after each round the
// cache-line round trip between two processors is probed and the round labelled (smt, near, far),
// because a virtual machine moves its cores.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sockeye::bench {

double seconds_now();  // CLOCK_MONOTONIC

// How long a measurement goes on: for a time, or, where instructions are counted, for a number of
// operations whatever they take.
class Effort {
 public:
  Effort(double seconds) : seconds_(seconds) {}  // NOLINT: a number of seconds is an effort
  static Effort operations(std::uint64_t count);

  // After `done` operations (between batches: it reads the clock). The first call begins.
  bool goes_on(std::uint64_t done);
  double elapsed() const { return now_ - begin_; }  // seconds, up to the last goes_on()
  std::uint64_t done() const { return done_; }

 private:
  double seconds_;
  std::uint64_t count_ = 0;
  std::uint64_t done_ = 0;
  double begin_ = 0, now_ = 0;
};

// One thread bounces a cache line off a second one; nanoseconds per round trip, and its label.
double probe_cache_line_ns();
std::string placement_label(double round_trip_ns);  // "smt" < 80, "near" < 250, "far"; "one-cpu"

struct Contestant {
  std::string name;                 // "sockeye", "floor", "kernel"
  std::function<double()> measure;  // one round; a negative value: could not run ("skipped")
};

struct Comparison {
  std::string name;  // "bulk-1500", …
  std::string what;  // one line for the report
  std::string unit;
  bool more_is_better = true;
  std::vector<Contestant> contestants;  // the first is ours
};

struct Figure {
  std::string comparison, contestant, unit, placement;
  double median = 0, best = 0, worst = 0;
  double ratio = 0;  // ours / this rival, or rival / ours where less is better
  int rounds = 0;
  bool skipped = false;
};

std::vector<Figure> run(const Comparison& comparison, int rounds);
void print(const Comparison& comparison, const std::vector<Figure>& figures);
// A row of the table in docs/performance.md.
void print_row(const Comparison& comparison, const std::vector<Figure>& figures);
bool write_json(const std::string& path, const std::vector<Figure>& figures);

}  // namespace sockeye::bench
