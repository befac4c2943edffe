// SPDX-License-Identifier: MIT
/// What becomes of programs when there is no frame left for one's page: the one that has most is
/// killed, with a report, so that the others can go on. The kernel keeps frames of its own
/// (kept_frames() in mm/frames/frames.h), so it needs none for that from anybody.
#pragma once

namespace meridian {

/// The calling thread's page cannot be had. Kills the greediest process and takes its memory, without
/// waiting for it: it may be waiting for a lock that the caller holds. True if the access may be tried
/// again; false if the caller is the one, or about to end anyway. It may sleep.
bool relieve_memory();

}  // namespace meridian
