# SPDX-License-Identifier: MIT
"""Physical memory, as the items of a drawing: devices and all of RAM, with its owners."""

from scale import HEIGHT, magnitude, place, size_text
from shell_texts import FREE, PAGE, Piece

SMALL = 4 << 20  # pieces below this are drawn together with their neighbours; more boldly if they are many


def overlaid(pieces, frames):
    """The pieces, with {address: owner} of single frames put over what was free."""
    result = []
    for piece in pieces:
        at = piece.first
        inside = sorted(frame for frame in frames if piece.first <= frame <= piece.last) if piece.owner == FREE else ()
        for frame in inside:
            if frame > at:
                result.append(piece._replace(first=at, last=frame - 1))
            result.append(Piece(frame, frame + PAGE - 1, frames[frame], piece.zone))
            at = frame + PAGE
        if at <= piece.last:
            result.append(piece._replace(first=at))
    return result


def named(pieces, resources):
    """Reserved memory under the name that iomem has for it."""
    for piece in pieces:
        there = next((r for r in resources if r.depth and r.holds(piece.first)), None)
        yield piece._replace(owner=there.name) if there and piece.owner == "reserved" else piece


def merged(pieces):
    result = []
    for piece in pieces:
        if result and piece == (result[-1].last + 1, piece.last, result[-1].owner, result[-1].zone):
            result[-1] = result[-1]._replace(last=piece.last)
        else:
            result.append(piece)
    return result


def groups(pieces, alone, small_size):
    """Lists of pieces that are drawn as one: what is in use, with the gaps below `small_size` between, of one zone.
    `alone` are the owners whose memory stands by itself."""
    result, group = [], []

    def close():
        rest = []
        while group and group[-1].owner == FREE:
            rest.insert(0, group.pop())
        if group:
            result.append(list(group))
        result.extend([piece] for piece in rest)
        group.clear()

    for piece in pieces:
        small = piece.size < small_size and piece.owner not in alone
        if group and not (small and group[0].zone == piece.zone):
            close()
        if small and (group or piece.owner != FREE):
            group.append(piece)
        else:
            result.append([piece])
    close()
    return result


def joined_free(items):
    """A free remainder of a group belongs to the free memory behind it."""
    result = []
    for item in items:
        before = result[-1] if result else None
        if before and len(item) == len(before) == 1 and merged([before[0], item[0]]) != [before[0], item[0]]:
            result[-1] = merged([before[0], item[0]])
        else:
            result.append(item)
    return result


def stripes(item, y, height):
    """A group's owners, each with its share of the drawn height."""
    owners = {}
    for piece in item:
        owners[piece.owner] = owners.get(piece.owner, 0) + piece.size // PAGE
    used = sorted(owner for owner in owners if owner != FREE or len(item) == 1)
    each = height / len(used)
    return [{"owner": owner, "frames": owners[owner], "y": round(y + number * each, 1), "height": round(each, 1)}
            for number, owner in enumerate(used)]


def item_data(item, y, height):
    return {"first": f"{item[0].first:x}", "last": f"{item[-1].last:x}", "zone": item[0].zone,
            "size": size_text(item[-1].last - item[0].first + 1),
            "free": sum(piece.size // PAGE for piece in item if piece.owner == FREE), "y": y, "height": height,
            "stripes": stripes(item, y, height),
            "pieces": [[f"{piece.first:x}", f"{piece.last:x}", piece.owner] for piece in item]}


def natural_height(item):
    owners = len({piece.owner for piece in item} - {FREE}) or 1
    return 6 + 4 * magnitude(item[-1].last - item[0].first + 1, 4 << 20) + 16 * owners


def all_items(devices, pieces, alone):
    """Items and their heights: joined more boldly the more scattered memory is, until they fit the drawing."""
    small_size = SMALL
    while True:
        items = sorted(devices + joined_free(groups(pieces, alone, small_size)))
        heights = [natural_height(item) for item in items]
        if sum(heights) <= HEIGHT or small_size > pieces[-1].last:
            return items, heights
        small_size *= 4


def physical_data(pieces, resources):
    """Devices first, whose addresses are lower; then all of RAM."""
    alone = {resource.name for resource in resources} | {"reserved"}
    devices = [[Piece(r.first, r.last, r.name, "device")] for r in resources if not r.depth and r.name != "System RAM"]
    items, heights = all_items(devices, merged(pieces), alone)
    return [item_data(item, y, height) for item, (y, height) in zip(items, place(heights, 2))]


def targets(frames, physical):
    """[[y, height]] of what is drawn of physical memory and holds some of the frames."""
    def holds(first, last):
        return any(start <= int(last, 16) and int(first, 16) <= end for start, end in frames)

    found = []
    for item in physical:
        owners = {owner for first, last, owner in item["pieces"] if holds(first, last)}
        found += [(stripe["y"], stripe["y"] + stripe["height"]) for stripe in item["stripes"]
                  if stripe["owner"] in owners]
    result = []
    for start, end in found:
        if result and start - result[-1][1] < 3:
            result[-1][1] = end
        else:
            result.append([start, end])
    return [[start, round(end - start, 1)] for start, end in result]
