// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the comparisons.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "count.h"
#include "floor.h"
#include "harness.h"
#include "kernel.h"
#include "launcher.h"
#include "sockeye.h"

using namespace sockeye::bench;

namespace {

std::string own_directory() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  std::string text(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return text.substr(0, text.rfind('/'));
}

Comparison bulk(const char* name, const char* what, std::uint32_t mtu, bool checksum, double seconds) {
  const std::size_t segment = mtu < 2000 ? 1448 : 65000;
  const std::size_t window = mtu < 2000 ? 128 * 1024 : 256 * 1024;
  return {name,
          what,
          "Gbit/s",
          true,
          {{"sockeye",
            [=] {
              return sockeye_bulk({mtu, checksum, 65536}, seconds);
            }},
           {"floor",
            [=] {
              return floor_bulk({segment, checksum, window}, seconds);
            }},
           {"kernel", [=] { return kernel_bulk(65536, seconds); }}}};
}

double segment_ns(double gigabits) {
  return 1448 * 8 / gigabits;
}

Comparison round_trip(const char* name, const char* what, std::size_t bytes, double seconds) {
  return {name,
          what,
          "ns",
          false,
          {{"sockeye",
            [=] {
              return sockeye_round_trip_ns({65535, false, bytes}, 1, seconds);
            }},
           {"floor",
            [=] {
              return floor_round_trip_ns({bytes, false, 128 * 1024}, seconds);
            }},
           {"kernel", [=] { return kernel_round_trip_ns(bytes, seconds); }}}};
}

std::vector<Comparison> comparisons(double seconds) {
  const std::string here = own_directory();
  const auto peers = [=](const char* name, const char* what, const char* unit, bool more, const char* mode) {
    return Comparison{name,
                      what,
                      unit,
                      more,
                      {{"sockeye", [=] { return peer_on_sockeye(here, mode, seconds); }},
                       {"kernel", [=] { return peer_on_kernel(here, mode, seconds); }}}};
  };
  return {
      bulk("bulk-1500", "(a1) in process, MTU 1500, checksums made and verified", 1500, true, seconds),
      bulk("bulk-1500-trusted", "(a1') in process, MTU 1500, no checksums", 1500, false, seconds),
      bulk("bulk-64k", "(a2) in process, 64 KiB segments, no checksums", 65535, false, seconds),
      bulk("bulk-64k-checksum", "(a2') in process, 64 KiB segments, checksums", 65535, true, seconds),
      {"bulk-1k-writes",
       "(a3) in process, writes of 1 KiB",
       "Gbit/s",
       true,
       {{"sockeye",
         [=] {
           return sockeye_bulk({65535, false, 1024}, seconds);
         }},
        {"kernel", [=] { return kernel_bulk(1024, seconds); }}}},
      {"segment",
       "in process, one 1448 B segment with its checksum and its share of ACKs",
       "ns",
       false,
       {{"sockeye",
         [=] {
           return segment_ns(sockeye_bulk({1500, true, 65536}, seconds));
         }},
        {"floor",
         [=] {
           return segment_ns(floor_bulk({1448, true, 128 * 1024}, seconds));
         }}}},
      round_trip("round-trip", "(b) in process, one byte there and back", 1, seconds),
      round_trip("round-trip-1k", "(b') in process, 1 KiB there and back", 1024, seconds),
      {"round-trip-100k",
       "(b'') in process, one byte there and back over 100,000 connections in turn",
       "ns",
       false,
       {{"sockeye",
         [=] {
           return sockeye_round_trip_ns({65535, false, 1}, 100'000, seconds);
         }},
        {"one",
         [=] {
           return sockeye_round_trip_ns({65535, false, 1}, 1, seconds);
         }}}},
      {"datagrams",
       "(b4) in process, 64-byte datagrams",
       "1/s",
       true,
       {{"sockeye", [=] { return sockeye_datagrams_per_second(64, seconds); }},
        {"kernel", [=] { return kernel_datagrams_per_second(64, seconds); }}}},
      {"connections",
       "(b3) in process, connect, a byte each way, close",
       "1/s",
       true,
       {{"sockeye", [=] { return sockeye_connections_per_second(seconds); }},
        {"kernel", [=] { return kernel_connections_per_second(seconds); }}}},
      {"idle-memory",
       "(e) bytes of memory per end of an idle established connection",
       "bytes",
       false,
       {{"sockeye", [] { return sockeye_idle_bytes_per_end(5000); }},
        {"kernel", [] { return kernel_idle_bytes_per_end(5000); }}}},
      peers("processes-bulk", "two processes, 64 KiB writes, unmodified programs", "Gbit/s", true, "bulk"),
      peers("processes-round-trip", "two processes, one byte there and back, sleeping", "ns", false, "rr"),
      peers("processes-connections", "two processes, connections one at a time", "1/s", true, "connect"),
  };
}

int usage(int status) {
  std::fprintf(
      status == 0 ? stdout : stderr,
      "usage: sockeye_bench [--json FILE] [--markdown] [--rounds N] [--seconds S] [--list] [NAME...]\n"
      "       sockeye_bench --operations N NAME\n"
      "Runs the comparisons named (all without a name), N rounds (default 5) of about S seconds\n"
      "(default 0.5) per contestant, interleaved, and prints medians and ratios.\n"
      "--operations does segment, round-trip, connection, datagram, floor-segment or floor-round-trip\n"
      "at least N times, for counting instructions, and prints how often.\n");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--operations") == 0) {
    const std::uint64_t done = do_operations(argv[3], std::strtoull(argv[2], nullptr, 10));
    std::printf("%llu\n", static_cast<unsigned long long>(done));
    return done > 0 ? 0 : usage(2);
  }
  std::string json;
  int rounds = 5;
  double seconds = 0.5;
  bool list = false;
  bool markdown = false;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--help" || word == "-h") return usage(0);
    if (word == "--list") {
      list = true;
    } else if (word == "--markdown") {
      markdown = true;
    } else if (word == "--json" && has_value) {
      json = argv[++i];
    } else if (word == "--rounds" && has_value) {
      rounds = std::atoi(argv[++i]);
    } else if (word == "--seconds" && has_value) {
      seconds = std::atof(argv[++i]);
    } else if (word.rfind("-", 0) == 0) {
      return usage(2);
    } else {
      names.push_back(word);
    }
  }
  if (rounds < 1 || seconds <= 0) return usage(2);
  std::vector<Figure> all;
  std::size_t matched = 0;
  for (const Comparison& comparison : comparisons(seconds)) {
    if (list) std::printf("%-24s %s\n", comparison.name.c_str(), comparison.what.c_str());
    bool wanted = names.empty();
    for (const std::string& name : names) wanted = wanted || name == comparison.name;
    if (list || !wanted) continue;
    ++matched;
    const auto figures = run(comparison, rounds);
    markdown ? print_row(comparison, figures) : print(comparison, figures);
    all.insert(all.end(), figures.begin(), figures.end());
  }
  if (list) return 0;
  if (matched < names.size() || matched == 0) {
    std::fprintf(stderr, "sockeye_bench: no comparison of that name; --list shows them\n");
    return 2;
  }
  if (!json.empty() && !write_json(json, all)) {
    std::fprintf(stderr, "sockeye_bench: cannot write %s\n", json.c_str());
    return 1;
  }
  return 0;
}
