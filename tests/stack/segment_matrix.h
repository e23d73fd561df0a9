// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Every state, every combination of six flags, four places of the sequence space, with and without data:
// what comes of one segment (RFC 9293 3.10.7, RFC 5961; hostile.md D14).
#pragma once

#include <string>
#include <vector>

#include "stack/segment_matrix_subject.h"

namespace sockeye::matrix {

struct Outcome {
  std::string seen;   // what was sent, the state after it, error and bytes to read: of either host
  std::string drops;  // why it was dropped: only Sockeye says
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

inline constexpr unsigned kFlags = 64;
std::string name_of_flags(unsigned flags);  // "F.U", "-"

// One state, place and presence of data, and the outcome of each combination of flags.
struct Block {
  std::string state;
  std::string place;
  bool has_data = false;
  std::vector<Outcome> outcomes;
};

// How many blocks there are, and one of them. `peer_port` counts the connections made.
std::size_t block_count();
Block run_block(Subject& subject, std::size_t index, std::uint16_t& peer_port, bool in_real_time);

// The flags that share an outcome on one line: "F. S.". PSH and URG are left out where they change nothing.
std::string table_of(const std::vector<Block>& blocks);

}  // namespace sockeye::matrix
