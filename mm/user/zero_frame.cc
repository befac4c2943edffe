// SPDX-License-Identifier: MIT
#include "mm/user/zero_frame.h"

#include "mm/user/user_frame.h"

namespace meridian {

constinit std::atomic<u64> the_zero_frame{0};

Result<Frame> make_zero_frame() {
  u64 number = 0;
  FrameRef fresh = TRY(new_zeroed_frame(FrameOwner::kernel));
  // Another CPU may have been first: then ours goes back.
  if (!the_zero_frame.compare_exchange_strong(number, fresh.frame().number(),
                                              std::memory_order_acq_rel))
    return Frame::from_number(number);
  return fresh.let_go();
}

void close_zero_frame() {
  const u64 number = the_zero_frame.exchange(0);
  if (number != 0) drop_user_frame(Frame::from_number(number));
}

}  // namespace meridian
