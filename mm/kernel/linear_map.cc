// SPDX-License-Identifier: MIT
#include "mm/kernel/linear_map.h"

namespace meridian {

constinit LinearMap linear_map;

}  // namespace meridian
