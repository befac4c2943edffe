// SPDX-License-Identifier: MIT
#include "mm/layout/arm64.h"
#include "mm/layout/layout.h"

namespace meridian {
namespace {

constinit Layout chosen = kArm64Layout;

}  // namespace

const Layout& current_layout() { return chosen; }
void choose_layout(const Layout& layout) { chosen = layout; }
void fit_current_layout(u64 linear) { fit(chosen, linear); }

}  // namespace meridian
