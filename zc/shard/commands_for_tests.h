// zc/shard/commands_for_tests.h - lists of commands that RapidCheck makes and shrinks.
//
//     enum class on_door : std::uint8_t { open, shut };
//     const char* name_of(on_door what);
//     for (const command<on_door>& c : *any_commands<on_door>({{3, open}, {1, shut}})) ...
#pragma once

#include <cstddef>
#include <initializer_list>
#include <ostream>
#include <utility>
#include <vector>

#include <rapidcheck.h>

namespace zc::for_tests {

// One thing to do, with two numbers that say how much of it. Every property takes from them what it
// needs.
template <class Verb>
struct command {
  Verb what;
  std::size_t n;
  std::size_t m;
  friend std::ostream& operator<<(std::ostream& to, const command& c) {
    return to << name_of(c.what) << '(' << c.n << ", " << c.m << ')';
  }
};
template <class Verb>
using commands = std::vector<command<Verb>>;

// Up to some 600 at a time; `how_often` weighs the verbs.
template <class Verb>
rc::Gen<commands<Verb>> any_commands(
    std::initializer_list<std::pair<std::size_t, Verb>> how_often) {
  const auto verbs = rc::gen::weightedElement(how_often);
  const auto one = rc::gen::construct<command<Verb>>(verbs, rc::gen::inRange<std::size_t>(0, 20),
                                                     rc::gen::inRange<std::size_t>(0, 30));
  return rc::gen::scale(6.0, rc::gen::container<commands<Verb>>(one));
}

}  // namespace zc::for_tests
