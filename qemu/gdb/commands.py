# SPDX-License-Identifier: MIT
"""All `vm` commands."""

import allocators
import processes
import tables
from command import VmPrefix

VmPrefix()
for command in (*tables.COMMANDS, *allocators.COMMANDS, *processes.COMMANDS):
    command()
