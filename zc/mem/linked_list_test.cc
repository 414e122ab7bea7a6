// What must hold of linked_list: the order of a std::list, elements that stay where they are, and
// nobody leaves without being taken out.
#include "zc/mem/linked_list.h"

#include <algorithm>
#include <array>
#include <list>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc {
namespace {

struct item : list_link {
  explicit item(int n = 0) : number(n) {}
  int number;
};

std::vector<int> numbers_in(linked_list<item>& list) {
  std::vector<int> all;
  list.for_each([&](item& i) { all.push_back(i.number); });
  return all;
}

TEST(LinkedListTest, KeepsTheOrderAndAllowsToLeaveFromTheMiddle) {
  item a(1), b(2), c(3);
  linked_list<item> list;
  for (item* i : {&a, &b, &c}) list.push_back(*i);
  list.erase(b);
  EXPECT_EQ(numbers_in(list), (std::vector{1, 3}));
  list.push_back(b);
  EXPECT_EQ(numbers_in(list), (std::vector{1, 3, 2}));
  list.for_each([&](item& i) { list.erase(i); });
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(a.linked());
}

TEST(LinkedListTest, BehavesAsAPairOfStdLists) {
  const auto property = [](const std::vector<std::uint8_t>& steps) {
    std::array<item, 6> items;
    for (int i = 0; i < 6; ++i) items[static_cast<std::size_t>(i)].number = i;
    linked_list<item> left, right;
    std::list<int> left_model, right_model;
    for (const std::uint8_t step : steps) {
      item& i = items[step % items.size()];
      const bool in_left = std::ranges::count(left_model, i.number) > 0;
      const bool in_right = std::ranges::count(right_model, i.number) > 0;
      if (in_left) {
        right.take_from(left, i);
        left_model.remove(i.number);
        right_model.push_back(i.number);
      } else if (in_right) {
        right.erase(i);
        right_model.remove(i.number);
      } else {
        left.push_back(i);
        left_model.push_back(i.number);
      }
      RC_ASSERT(left.size() == left_model.size());
      RC_ASSERT(numbers_in(left) == std::vector(left_model.begin(), left_model.end()));
      RC_ASSERT(numbers_in(right) == std::vector(right_model.begin(), right_model.end()));
      if (!left.empty()) RC_ASSERT(left.front().number == left_model.front());
    }
    left.for_each([&](item& e) { left.erase(e); });
    right.for_each([&](item& e) { right.erase(e); });
  };
  EXPECT_TRUE(rc::check("random pushes, moves between lists and erasures", property));
}

TEST(LinkedListDeathTest, BrokenContractsAreNamed) {
  EXPECT_DEATH(
      {
        linked_list<item> list;
        item one;
        list.push_back(one);
      },
      "take an element out before it goes");
  EXPECT_DEATH(
      {
        item one;
        linked_list<item> list;
        list.push_back(one);
      },
      "take the elements out before the list goes");
  linked_list<item> list;
  item one;
  EXPECT_DEATH((void)list.front(), "linked_list::front requires an element");
  EXPECT_DEATH(list.erase(one), "linked_list::erase requires an element of the list");
  EXPECT_DEATH(
      {
        list.push_back(one);
        list.push_back(one);
      },
      "linked_list::push_back requires an element that is in no list");
}

}  // namespace
}  // namespace zc
