// SPDX-License-Identifier: MIT
/// Included before everything else by the kernel's build. The image is one whole: no symbol in it is
/// another module's, so each is reached relative to PC, not through a table of addresses (which is not
/// right before the image has relocated itself). -fvisibility=hidden says so of definitions only.
#pragma GCC visibility push(hidden)
