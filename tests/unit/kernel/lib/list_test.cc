// SPDX-License-Identifier: MIT
#include "kernel/lib/list.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace meridian {
namespace {

struct Item {
  explicit Item(char its_name) : name(its_name) {}
  char name;
  ListHook<Item> hook, other;
};
using Items = List<Item, &Item::hook>;

std::string names(const Items& list) {
  std::string text;
  for (Item* item = list.front(); item != nullptr; item = Items::next(*item)) text += item->name;
  return text;
}

TEST(List, ElementsStandInTheOrderTheyCameIn) {
  Item a('a'), b('b'), c('c'), d('d');
  Items list;
  EXPECT_TRUE(list.is_empty());
  EXPECT_EQ(list.pop_front(), nullptr);
  list.push_back(b);
  list.push_back(d);
  list.push_front(a);
  list.insert_before(&d, c);
  EXPECT_EQ(names(list), "abcd");
  EXPECT_EQ(list.pop_front(), &a);
  EXPECT_FALSE(a.hook.is_linked());
  EXPECT_EQ(names(list), "bcd");
  while (list.pop_front() != nullptr) {
  }
}

/// The first, the last and one in between; the list is whole after each.
TEST(List, AnElementCanBeTakenOutAnywhere) {
  for (const std::string gone : {"a", "b", "c"}) {
    Item items[] = {Item('a'), Item('b'), Item('c')};
    Items list;
    for (Item& item : items) list.push_back(item);
    list.erase(items[gone[0] - 'a']);
    Item last('z');
    list.push_back(last);
    std::string left = "abcz";
    left.erase(left.find(gone), 1);
    EXPECT_EQ(names(list), left);
    while (list.pop_front() != nullptr) {
    }
  }
}

TEST(List, AnElementMayBeInTwoListsByTwoHooks) {
  Item a('a');
  Items list;
  List<Item, &Item::other> second;
  list.push_back(a);
  second.push_back(a);
  EXPECT_EQ(list.pop_front(), &a);
  EXPECT_EQ(second.pop_front(), &a);
}

TEST(List, TwiceInOrTwiceOutIsRefused) {
  Item a('a');
  Items list;
  EXPECT_THROW(list.erase(a), std::logic_error);
  list.push_back(a);
  EXPECT_THROW(list.push_back(a), std::logic_error);
  list.erase(a);
}

}  // namespace
}  // namespace meridian
