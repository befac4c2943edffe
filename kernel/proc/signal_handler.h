// SPDX-License-Identifier: MIT
/// Handlers of signals: the frame that one runs on, which is written to the program's stack before it
/// starts and read when it returns (rt_sigreturn), and the page that it returns to. The layout is
/// <arch/signal_frame.h>'s.
///
/// What is read back is the program's: nothing of it is believed before it was checked.
#pragma once

#include "kernel/proc/process.h"

namespace meridian {

/// At boot: the frame that every program has as its sigreturn page. Errc::out_of_frames.
Result<void> make_sigreturn_page();
/// A new program's space gets it, at user_layout().sigreturn.
Result<void> map_sigreturn_page(UserSpace& space);
/// Is this what it maps?
bool is_sigreturn_page(const MemoryObject& object);

/// The calling process, which would go on as `frame` says, first runs the handler of `action`; what it
/// blocks meanwhile changes. Errc::fault if there is no room for the frame; then nothing has changed.
Result<void> enter_handler(Process& me, arch::TrapFrame& frame, const SignalInfo& info,
                           const SignalAction& action);

/// The calling process goes on as the frame at its stack pointer says. Errc::fault, bad_format; then
/// nothing has changed.
Result<void> return_from_handler(Process& me, arch::TrapFrame& frame);

}  // namespace meridian
