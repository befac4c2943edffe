// SPDX-License-Identifier: MIT
#include "mm/user/asid.h"

#include <arch/paging.h>

#include "kernel/sync/spinlock.h"

namespace meridian {
namespace {

constinit Locked<AsidPool> pool;

}  // namespace

Result<Asid> Asid::take() {
  const u16 value =
      TRY(pool.with([](AsidPool& asids) { return asids.take(u32{1} << arch::asid_bits()); }));
  return Asid(value);
}

Asid::~Asid() {
  if (value_ != 0) pool.with([this](AsidPool& asids) { asids.give(value_); });
}

}  // namespace meridian
