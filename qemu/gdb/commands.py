# SPDX-License-Identifier: MIT
"""All `vm` commands."""

import allocators
import tables
from command import VmPrefix

VmPrefix()
for command in (*tables.COMMANDS, *allocators.COMMANDS):
    command()
