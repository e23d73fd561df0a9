// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Where two fillings of the table differ, and why they may.
#pragma once

#include <string>
#include <vector>

#include "stack/segment_matrix.h"

namespace sockeye::matrix {

struct Differences {
  std::string text;         // by reason; one line for each state, place and pair of outcomes
  std::string unexplained;  // those without a reason
};

Differences compare(const std::vector<Block>& ours, const std::vector<Block>& kernels);

}  // namespace sockeye::matrix
